"""Every metric agrees with scikit-learn, with and without weights."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from tasks import config
from tasks.errors import DataError
from tasks.evaluation.metrics import METRICS, task_metrics

SKLEARN = {
    "roc_auc": lambda y, p, w: sk.roc_auc_score(y, p[:, 1], sample_weight=w),
    "average_precision": lambda y, p, w: sk.average_precision_score(y, p[:, 1], sample_weight=w),
    "log_loss": lambda y, p, w: sk.log_loss(y, p, labels=range(p.shape[1]), sample_weight=w),
    "brier": lambda y, p, w: sk.brier_score_loss(y, p[:, 1], sample_weight=w),
    "accuracy": lambda y, p, w: sk.accuracy_score(y, p.argmax(axis=1), sample_weight=w),
    "f1": lambda y, p, w: sk.f1_score(y, p.argmax(axis=1), sample_weight=w),
    "f1_macro": lambda y, p, w: sk.f1_score(y, p.argmax(axis=1), average="macro", sample_weight=w),
    "roc_auc_ovr": lambda y, p, w: sk.roc_auc_score(y, p, multi_class="ovr", sample_weight=w),
    "rmse": lambda y, p, w: sk.root_mean_squared_error(y, p, sample_weight=w),
    "mae": lambda y, p, w: sk.mean_absolute_error(y, p, sample_weight=w),
    "r2": lambda y, p, w: sk.r2_score(y, p, sample_weight=w),
}
PAIRS = [(task, name) for task, names in config.METRICS.items() for name in names]


def rows(data: st.DataObject, task: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, predictions with many ties, and counts as a bootstrap round draws them."""
    n = data.draw(st.integers(8, 60))
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    counts = data.draw(hnp.arrays(int, n, elements=st.integers(1, 4))).astype(float)
    if task == "regression":
        return rng.normal(50, 3, n), rng.normal(50, 3, n), counts
    k = 2 if task == "binary" else data.draw(st.integers(3, 5))
    y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    p = rng.integers(1, 5, (n, k)).astype(float)
    return y, p / p.sum(axis=1, keepdims=True), counts


@pytest.mark.parametrize(("task", "name"), PAIRS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_agrees_with_scikit_learn(task: str, name: str, data: st.DataObject) -> None:
    y, p, counts = rows(data, task)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain, weighted = SKLEARN[name](y, p, None), SKLEARN[name](y, p, counts)
    assert METRICS[name].score(y, p) == pytest.approx(plain, abs=1e-9)
    assert METRICS[name].weighted(y, p)(counts) == pytest.approx(weighted, abs=1e-9)


@pytest.mark.parametrize(("task", "name"), PAIRS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_count_is_the_row_so_often(task: str, name: str, data: st.DataObject) -> None:
    y, p, counts = rows(data, task)
    counts[::3] = 0
    again = np.repeat(np.arange(len(y)), counts.astype(int))
    expected = METRICS[name].score(y[again], p[again])
    assert METRICS[name].weighted(y, p)(counts) == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_every_metric_of_the_pipeline_file_is_there_and_no_other() -> None:
    assert set(METRICS) == {name for _, name in PAIRS}
    assert all(task in METRICS[name].tasks for task, name in PAIRS)
    assert [metric.name for metric in task_metrics("regression")] == ["rmse", "mae", "r2"]


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "f1", "f1_macro", "roc_auc_ovr"])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_nan_where_two_are_needed(name: str, label: int) -> None:
    p = np.random.default_rng(1).dirichlet([1, 1], 30)
    assert math.isnan(METRICS[name].score(np.full(30, label), p))


@pytest.mark.parametrize("name", ["log_loss", "brier", "accuracy"])
def test_one_class_is_a_number_where_rows_are_judged_alone(name: str) -> None:
    p = np.random.default_rng(1).dirichlet([1, 1], 30)
    assert math.isfinite(METRICS[name].score(np.zeros(30, dtype=int), p))


def test_r2_of_constant_labels_is_nan() -> None:
    assert math.isnan(METRICS["r2"].score(np.ones(5), np.arange(5.0)))


@pytest.mark.parametrize(("task", "name"), PAIRS)
def test_no_rows_and_unfinished_predictions_are_nan(task: str, name: str) -> None:
    shape = () if task == "regression" else (2,)
    assert math.isnan(METRICS[name].score(np.empty(0), np.empty((0, *shape))))
    p = np.full((4, *shape), 0.5)
    p[2] = np.nan
    assert math.isnan(METRICS[name].score(np.array([0, 1, 0, 1]), p))


@pytest.mark.parametrize("name", config.METRICS["binary"])
def test_binary_predictions_may_be_one_column(name: str) -> None:
    rng = np.random.default_rng(3)
    y, p = rng.integers(0, 2, 50), rng.random(50)
    two = np.column_stack([1 - p, p])
    assert METRICS[name].score(y, p) == pytest.approx(METRICS[name].score(y, two))


def test_single_precision_probabilities_of_one_stay_bounded() -> None:
    sure = np.array([[1, 0]], dtype=np.float32)
    assert METRICS["log_loss"].score(np.array([1]), sure) == pytest.approx(15.94, abs=0.01)


def test_lengths_that_differ_are_named() -> None:
    with pytest.raises(DataError, match="3 labels and 2 predictions"):
        METRICS["mae"].score(np.ones(3), np.ones(2))
