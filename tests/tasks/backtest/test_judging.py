from __future__ import annotations

import math

import numpy as np
import pytest

from tasks.backtest.judging import bootstrapped, live_figure, naive_values
from tasks.evaluation.bootstrap import interval
from tasks.evaluation.evaluate import rounds_for
from tasks.evaluation.metrics import METRICS


def answers(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    y = draw.integers(0, 2, rows)
    chance = np.clip(draw.normal(0.4 + 0.2 * y, 0.3), 0, 1).round(2)
    return y, np.column_stack([1 - chance, chance])


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
@pytest.mark.parametrize("rows", [20, 501, 5000])
def test_the_interval_is_the_live_monitors_own(metric: str, rows: int) -> None:
    y, chance = answers(rows, rows)
    ours = bootstrapped(metric, y, chance, 0.95, 7)
    theirs = interval(METRICS[metric], y, chance, confidence=0.95, seed=7, rounds=rounds_for(rows))
    assert ours.value == theirs.value
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_without_labels_there_is_no_figure_and_one_class_gives_none_that_counts() -> None:
    y, chance = answers(30, 1)
    known = {"confidence": 0.9, "seed": 1}
    assert live_figure("roc_auc", y[:0], chance[:0], 30, **known) is None
    figure = live_figure("roc_auc", np.ones(30, int), chance, 40, **known)
    assert figure is not None
    assert math.isnan(figure.value)
    assert not figure.known
    assert figure.coverage == 0.75


def test_naive_predictions_know_the_earlier_batches_only() -> None:
    y = np.array([0, 1, 1, 1, 0, 0, 1, 1])
    times = np.arange(8).astype("datetime64[h]").astype("datetime64[us]")
    place = np.array([0, 0, 1, 1, 2, 2, 4, 4])
    found = naive_values("accuracy", y, times, place, batches=5, classes=2, task="binary")
    assert set(found) == {"prior", "last_value"}
    # batches 1 and 4 hold one class, batch 3 no label, batch 0 nothing before it
    assert [math.isnan(one) for one in found["prior"]] == [True, True, True, True, True]
    mixed = naive_values(
        "accuracy", np.array([0, 0, 0, 1, 0]), times[:5], np.array([0, 0, 0, 1, 1]),
        batches=2, classes=2, task="binary",
    )  # fmt: skip
    assert mixed["prior"][1] == 0.5
    assert mixed["last_value"][1] == 0.0


def test_a_regression_has_its_own_naive_predictions() -> None:
    times = np.arange(4).astype("datetime64[h]").astype("datetime64[us]")
    found = naive_values(
        "mae", np.array([1.0, 3.0, 5.0, 5.0]), times, np.array([0, 0, 1, 1]),
        batches=2, classes=0, task="regression",
    )  # fmt: skip
    assert found["mean"][1] == 3.0
    assert found["last_value"][1] == 1.0
