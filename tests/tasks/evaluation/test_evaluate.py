"""An evaluation is whole, survives JSON, and refuses what cannot be judged."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import auc, confusion_matrix, roc_auc_score

from tasks.config import METRICS as NAMES
from tasks.errors import DataError
from tasks.evaluation.baselines import baselines
from tasks.evaluation.curves import curves
from tasks.evaluation.evaluate import Evaluation, evaluate
from tasks.records import read


def rows(task: str, n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(9)
    if task == "regression":
        y = rng.normal(100, 10, n)
        return y, y + rng.normal(0, 5, n)
    k = 2 if task == "binary" else 4
    y = rng.integers(0, k, n)
    p = 0.3 * np.eye(k)[y] + 0.7 * rng.dirichlet(np.ones(k), n)
    return y, p


def judged(task: str, metric: str) -> Evaluation:
    y, p = rows(task)
    day = np.arange(len(y) + 1).astype("datetime64[D]")
    naive = baselines(
        y,
        y,
        task=task,
        classes=int(y.max()) + 1,
        training_times=day[:1].repeat(len(y)),
        times=day[1:],
    )
    frame = pd.DataFrame({"part": np.where(np.arange(len(y)) < 20, "few", "most")})
    return evaluate(
        y,
        p,
        task=task,
        metric=metric,
        seed=3,
        slices=frame,
        baselines=naive,
        window=("2013-03-01T00:00:00", None),
    )


@pytest.mark.parametrize(
    ("metric", "classes", "value"),
    [("roc_auc", 2, 0.5), ("average_precision", 2, 50 / 101), ("roc_auc_ovr", 3, 0.5)],
)
def test_the_prior_ranks_nothing_also_where_folds_are_pooled(
    metric: str, classes: int, value: float
) -> None:
    task = "binary" if classes == 2 else "multiclass"
    y = np.arange(101) % classes
    coin = np.full((101, classes), 1 / classes)
    folds = np.array_split(np.arange(101), 4)
    parts = [np.delete(y, fold) for fold in folds]
    guesses = [
        baselines(rest, y[fold], task=task, classes=classes)["prior"]
        for rest, fold in zip(parts, folds, strict=True)
    ]
    prior = np.concatenate(guesses)
    assert len(np.unique(prior[:, 0])) > 1
    found = evaluate(y, coin, task=task, metric=metric, seed=3, baselines={"prior": prior})
    assert found.baselines["prior"] == pytest.approx(value, abs=1e-12)
    assert found.baseline_metrics["prior"][metric] == found.baselines["prior"]
    # nor does a coin: no resampling tells one from the other
    gain = found.baseline_gains["prior"]
    assert (gain.value, gain.low, gain.high) == pytest.approx((0, 0, 0), abs=1e-12)


@pytest.mark.parametrize(
    ("task", "metric", "naive"),
    [
        ("binary", "roc_auc", {"prior", "last_value"}),
        ("multiclass", "log_loss", {"prior", "last_value"}),
        ("regression", "rmse", {"mean", "median", "last_value"}),
    ],
)
def test_an_evaluation_is_whole_and_survives_json(task: str, metric: str, naive: set[str]) -> None:
    found = judged(task, metric)
    text = json.dumps(found.to_dict(), allow_nan=False)
    again = read(Evaluation, json.loads(text), "evaluation")
    assert again.window == found.window
    assert again.to_dict() == found.to_dict()
    assert json.dumps(again.to_dict(), allow_nan=False) == text
    assert tuple(found.metrics) == NAMES[task]
    assert all(each.low < each.value < each.high for each in found.metrics.values())
    assert set(found.baselines) == set(found.baseline_gains) == naive
    assert all(gain.low > 0 for gain in found.baseline_gains.values())
    for name in naive:
        assert found.baselines[name] == found.baseline_metrics[name][metric]
        gain = found.deciding.value - found.baselines[name]
        assert abs(found.baseline_gains[name].value) == pytest.approx(abs(gain))
    assert [(each.value, each.too_small) for each in found.slices] == [
        ("few", True),
        ("most", False),
    ]
    assert (found.rows, found.rounds) == (600, 500)


def test_one_class_is_judged_as_far_as_it_goes_and_survives_json() -> None:
    y, p = np.zeros(300, dtype=int), np.full((300, 2), 0.5)
    found = evaluate(y, p, task="binary", metric="roc_auc", seed=3)
    again = read(Evaluation, json.loads(json.dumps(found.to_dict(), allow_nan=False)), "evaluation")
    assert np.isnan(again.deciding.value)
    assert again.metrics["brier"].value == 0.25
    assert set(found.curves) == {"reliability", "confusion"}


def test_curves_are_short_and_keep_the_area() -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 50_000)
    p = rng.normal(y, 1.5)
    p = 1 / (1 + np.exp(-p))
    found = curves(y, p, task="binary")
    roc, pr = found["roc"], found["precision_recall"]
    area = auc(roc["false_positive_rate"], roc["true_positive_rate"])
    assert area == pytest.approx(roc_auc_score(y, p), abs=0.001)
    assert (roc["false_positive_rate"][0], roc["true_positive_rate"][-1]) == (0, 1)
    assert pr["recall"][-1] == 1
    assert pr["precision"][-1] == pytest.approx(y.mean(), abs=1e-6)
    lengths = {len(points) for curve in (roc, pr) for points in curve.values()}
    assert max(lengths) <= 100


def test_the_confusion_is_scikit_learns_and_left_out_beyond_twenty_classes() -> None:
    y, p = rows("multiclass")
    expected = confusion_matrix(y, p.argmax(axis=1)).tolist()
    assert curves(y, p, task="multiclass")["confusion"] == expected
    many = np.full((21, 21), 1 / 21)
    assert "confusion" not in curves(np.arange(21), many, task="multiclass")


def test_residuals_are_quantiles_of_prediction_minus_label() -> None:
    y = np.arange(101.0)
    found = curves(y, np.zeros(101), task="regression")["residuals"]
    assert dict(zip(found["level"], found["quantile"], strict=True))[0.25] == -75


@pytest.mark.parametrize(
    ("y", "p", "came"),
    [
        ([], np.empty((0, 2)), "none"),
        ([0, 1], np.full((3, 2), 0.5), r"\(2,\) and predictions \(3, 2\)"),
        ([0, 1], np.array([[0.5, 0.5], [np.nan, 1]]), "1 of 2 rows"),
        ([0, 2], np.full((2, 2), 0.5), "class 2 and 2 columns"),
    ],
)
def test_what_cannot_be_judged_is_refused(y: list[int], p: np.ndarray, came: str) -> None:
    with pytest.raises(DataError, match=came):
        evaluate(np.array(y), p, task="binary", metric="roc_auc", seed=1)
