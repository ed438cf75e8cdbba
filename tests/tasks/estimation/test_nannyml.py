"""On the data that NannyML ships: is the estimate nearer to the truth than "same as before"?"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.estimation.estimator import Estimator
from tasks.evaluation.metrics import METRICS

CHUNK = 5000
CARDS = ["prepaid_card", "highstreet_card", "upmarket_card"]
NUMBERS = ["car_age", "km_driven", "price_new", "accident_count", "door_count"]
Array = np.ndarray[Any, Any]
Judged = tuple[Array, Array, pd.DataFrame | None]
SPEC = importlib.util.find_spec("nannyml")


def read(name: str) -> pd.DataFrame:
    """Read a packaged file, with its target joined, without importing the package."""
    assert SPEC is not None
    assert SPEC.submodule_search_locations
    path = Path(SPEC.submodule_search_locations[0]) / "datasets" / "data" / name
    return pd.read_parquet(path) if name.endswith(".pq") else pd.read_csv(path)


@cache
def files(name: str, targets: str, ending: str = "csv") -> tuple[pd.DataFrame, pd.DataFrame]:
    analysis = read(f"{name}_analysis.{ending}").merge(read(f"{targets}.{ending}"), on="id")
    return read(f"{name}_reference.{ending}"), analysis


def employment(frame: pd.DataFrame) -> Judged:
    return frame["employed"].to_numpy(), frame["predicted_probability"].to_numpy(), None


def car_loan(frame: pd.DataFrame) -> Judged:
    return frame["repaid"].to_numpy(int), frame["y_pred_proba"].to_numpy(), None


def cards(frame: pd.DataFrame) -> Judged:
    y = frame["y_true"].map({name: place for place, name in enumerate(CARDS)})
    return y.to_numpy(int), frame[[f"y_pred_proba_{name}" for name in CARDS]].to_numpy(), None


def car_price(frame: pd.DataFrame) -> Judged:
    texts = frame[["fuel", "transmission"]].astype("str")
    prepared = pd.concat([frame[NUMBERS].astype(np.float32), texts], axis=1)
    return frame["y_true"].to_numpy(float), frame["y_pred"].to_numpy(float), prepared


def errors(task: str, metric: str, classes: int, before: Judged, after: Judged) -> tuple[Any, ...]:
    """Return the mean absolute error of the estimate and of the naive one, over chunks."""
    estimator = Estimator.fit(task, metric, classes, *before, 7)
    y, predictions, prepared = after
    missed, naive = [], []
    for start in range(0, len(y) - CHUNK // 2, CHUNK):
        rows = slice(start, start + CHUNK)
        realised = METRICS[metric].score(y[rows], predictions[rows])
        beside = None if prepared is None else prepared.iloc[rows]
        missed.append(abs(estimator.estimate(metric, predictions[rows], beside).value - realised))
        naive.append(abs(estimator.reference - realised))
    return float(np.mean(missed)), float(np.mean(naive)), len(missed)


@pytest.mark.skipif(SPEC is None, reason="the data package nannyml is not installed")
@pytest.mark.parametrize(
    ("name", "targets", "ending", "task", "metric", "classes", "judged"),
    [
        ("employment_MA", "employment_MA_analysis_target", "pq", "binary", metric, 2, employment)
        for metric in ("roc_auc", "average_precision", "log_loss", "brier", "accuracy", "f1")
    ]
    + [
        ("synthetic_car_loan", "synthetic_car_loan_analysis_target", "csv", "binary", metric, 2,
         car_loan)
        for metric in ("roc_auc", "accuracy")
    ]
    + [
        ("mc", "mc_analysis_gt", "csv", "multiclass", metric, 3, cards)
        for metric in ("log_loss", "accuracy")
    ]
    + [
        ("regression_synthetic", "regression_synthetic_analysis_targets", "csv", "regression",
         "rmse", 0, car_price)
    ],
)  # fmt: skip
def test_the_estimate_is_no_worse_than_the_same_as_at_training(
    name: str,
    targets: str,
    ending: str,
    task: str,
    metric: str,
    classes: int,
    judged: Callable[[pd.DataFrame], Judged],
    capsys: pytest.CaptureFixture[str],
) -> None:
    reference, analysis = files(name, targets, ending)
    before = reference.iloc[::3] if task == "regression" else reference
    missed, naive, chunks = errors(task, metric, classes, judged(before), judged(analysis))
    with capsys.disabled():
        print(f"\n{name} {metric}: estimated {missed:.5f}, naive {naive:.5f}, {chunks} chunks")
    assert chunks >= 10
    assert missed <= naive
