from __future__ import annotations

import math

import numpy as np

from tasks.backtest.naive import naive_values


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
