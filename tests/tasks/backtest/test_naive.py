from __future__ import annotations

import math

import numpy as np
import pandas as pd

from tasks.backtest.fitting import HistoryRows
from tasks.backtest.naive import naive_values
from tests.tasks.backtest.test_fitting import pipeline


def rows(y: list[float], place: list[int]) -> HistoryRows:
    """Return labels in these batches, a row an hour."""
    times = np.arange(len(y)).astype("datetime64[h]").astype("datetime64[us]")
    held = np.zeros(len(y), bool)
    return HistoryRows(pd.DataFrame({"y": y}), times, times, np.array(place), held)


def test_naive_predictions_know_the_earlier_batches_only() -> None:
    accuracy = pipeline(training={"metric": "accuracy"})
    found = naive_values(accuracy, rows([0, 1, 1, 1, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2, 4, 4]), 5)
    assert set(found) == {"prior", "last_value"}
    # batches 1 and 4 hold one class, batch 3 no label, batch 0 nothing before it
    assert [math.isnan(one) for one in found["prior"]] == [True, True, True, True, True]
    mixed = naive_values(accuracy, rows([0, 0, 0, 1, 0], [0, 0, 0, 1, 1]), 2)
    assert mixed["prior"][1] == 0.5
    assert mixed["last_value"][1] == 0.0


def test_a_row_without_a_label_tells_nothing() -> None:
    accuracy = pipeline(training={"metric": "accuracy"})
    gap = naive_values(accuracy, rows([0, 0, math.nan, 0, 1, 0], [0, 0, 0, 0, 1, 1]), 2)
    assert gap["prior"][1] == 0.5


def test_a_regression_has_its_own_naive_predictions() -> None:
    mae = pipeline(task="regression", training={"metric": "mae"})
    found = naive_values(mae, rows([1.0, 3.0, 5.0, 5.0], [0, 0, 1, 1]), 2)
    assert found["mean"][1] == 3.0
    assert found["last_value"][1] == 1.0
