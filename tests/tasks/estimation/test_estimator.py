"""Estimates and their intervals, on rows whose labels the test knows and the estimator does not."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.config import METRICS as NAMES
from tasks.errors import DataError
from tasks.estimation.calibrated import Calibrated
from tasks.estimation.estimator import Estimator
from tasks.evaluation.metrics import METRICS

Array = np.ndarray[Any, Any]
Rows = tuple[Array, Array, pd.DataFrame | None]
CLASSES = {"binary": 2, "multiclass": 3, "regression": 0}
CONFIDENCE = 0.8


def draw(task: str, rows: int, seed: int, sharper: float = 1.0, shift: float = 0.0) -> Rows:
    """Draw labels, predictions and prepared rows; predictions are `sharper` than the truth."""
    rng = np.random.default_rng(seed)
    x = rng.normal(loc=shift, size=(rows, 3))
    if task == "regression":
        value = 3 * x[:, 0]
        y = value + rng.normal(size=rows) * np.exp(0.5 * x[:, 1])
        frame = pd.DataFrame(x.astype(np.float32), columns=list("abc"))
        return y, value, frame.assign(d=pd.Series(np.where(x[:, 2] > 0, "up", "down"), dtype="str"))
    lean = np.column_stack([1.2 * x[:, 0] - 0.5, np.zeros(rows)]) if task == "binary" else 1.2 * x
    truth, said = (np.exp(lean * by) for by in (1, sharper))
    truth, said = (each / each.sum(axis=1, keepdims=True) for each in (truth, said))
    y = (truth.cumsum(axis=1) < rng.random(rows)[:, None]).sum(axis=1)
    return y, said, None


def fitted(task: str, rows: int, seed: int, sharper: float = 1.0) -> Estimator:
    y, predictions, prepared = draw(task, rows, seed, sharper)
    metric = NAMES[task][0]
    return Estimator.fit(task, metric, CLASSES[task], y, predictions, prepared, 7)


@pytest.mark.parametrize(
    ("task", "sharper", "fits", "holdout"),
    [
        ("binary", 1.0, 25, 4000),
        ("multiclass", 1.6, 10, 4000),
        ("regression", 1.0, 2, 4000),
    ],
)
def test_the_realised_metric_lies_inside_as_often_as_is_said(
    task: str, sharper: float, fits: int, holdout: int
) -> None:
    draws, rows = 150, 300
    inside = dict.fromkeys(NAMES[task], 0)
    for number in range(draws):
        if number % (draws // fits) == 0:
            estimator = fitted(task, holdout, 10_000 + number, sharper)
        y, predictions, prepared = draw(task, rows, number, sharper)
        for metric in inside:
            found = estimator.estimate(metric, predictions, prepared, CONFIDENCE)
            inside[metric] += found.low <= METRICS[metric].score(y, predictions) <= found.high
    # three standard deviations of a binomial, so that a wrong interval is seen and chance is not
    reach = 3 * math.sqrt(draws * CONFIDENCE * (1 - CONFIDENCE))
    wrong = {name: hits for name, hits in inside.items() if abs(hits - draws * 0.8) > reach}
    assert not wrong


@pytest.mark.parametrize(("task", "metric"), [("binary", "brier"), ("regression", "mae")])
def test_other_rows_are_seen_without_their_labels(task: str, metric: str) -> None:
    estimator = fitted(task, 8000, 1)
    y, predictions, prepared = draw(task, 4000, 2, shift=1.5)
    found = estimator.estimate(metric, predictions, prepared)
    realised, naive = METRICS[metric].score(y, predictions), METRICS[metric].score(*_holdout(task))
    assert abs(found.value - realised) < abs(naive - realised) / 3
    assert found.low <= realised <= found.high


def _holdout(task: str) -> tuple[Array, Array]:
    y, predictions, _ = draw(task, 8000, 1)
    return y, predictions


def test_a_curve_is_fitted_only_where_probabilities_are_wrong() -> None:
    right, wrong = fitted("binary", 4000, 1), fitted("binary", 4000, 1, sharper=1.6)
    assert isinstance(right.how, Calibrated)
    assert isinstance(wrong.how, Calibrated)
    assert (len(right.how.curves), len(wrong.how.curves)) == (0, 1)
    stated = np.array([0.05, 0.95])
    calibrated = wrong.how.chance(stated)[:, 1]
    assert 0.08 < calibrated[0] < 0.2
    assert 0.8 < calibrated[1] < 0.92


@pytest.mark.parametrize("task", list(CLASSES))
def test_an_estimator_survives_json(task: str) -> None:
    estimator = fitted(task, 1000, 3, sharper=1.6)
    text = json.dumps(estimator.to_dict(), allow_nan=False)
    again = Estimator.from_dict(json.loads(text))
    _, predictions, prepared = draw(task, 200, 4)
    for metric in NAMES[task]:
        asked = (metric, predictions, prepared)
        assert again.estimate(*asked) == estimator.estimate(*asked)
    assert (again.reference, again.rows) == (estimator.reference, 1000)


def test_binary_probabilities_may_be_one_column_or_two() -> None:
    estimator = fitted("binary", 1000, 3)
    _, two, _ = draw("binary", 300, 4)
    assert estimator.estimate("roc_auc", two[:, 1]) == estimator.estimate("roc_auc", two)


@pytest.mark.parametrize("task", list(CLASSES))
def test_a_holdout_of_a_few_rows_says_how_little_it_knows(task: str) -> None:
    few, many = fitted(task, 30, 3), fitted(task, 3000, 3)
    _, predictions, prepared = draw(task, 2000, 4)
    metric = "mae" if task == "regression" else "accuracy"
    wide, narrow = (each.estimate(metric, predictions, prepared) for each in (few, many))
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_a_regression_without_prepared_rows_learns_from_the_prediction() -> None:
    rng = np.random.default_rng(1)
    value = rng.uniform(0, 10, 3000)
    y = value + rng.normal(size=3000) * value
    estimator = Estimator.fit("regression", "mae", 0, y, value, None, 7)
    small = estimator.estimate("mae", np.full(500, 1.0)).value
    assert estimator.estimate("mae", np.full(500, 9.0)).value > 3 * small


def test_what_cannot_be_estimated() -> None:
    estimator = fitted("binary", 500, 3)
    nothing = estimator.estimate("roc_auc", np.zeros((0, 2)))
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.low)
    with pytest.raises(DataError, match="a metric of binary is estimated; got rmse"):
        estimator.estimate("rmse", np.array([0.5]))
    with pytest.raises(DataError, match="a column for each of 2 classes; got 3"):
        estimator.estimate("accuracy", np.full((4, 3), 1 / 3))
    with pytest.raises(DataError, match="finite"):
        estimator.estimate("accuracy", np.array([0.5, np.nan]))
    with pytest.raises(DataError, match="2 rows and 1 predictions"):
        fitted("regression", 500, 3).estimate("mae", np.array([0.5]), pd.DataFrame({"a": [1, 2]}))
