"""What boosted trees are told of a table depends on how many rows and columns it has."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.features.schema import Columns
from tasks.models.families.boosting import LIGHTGBM, estimator
from tasks.models.model import Sample


def told(task: str, rows: int, columns: int, **asked: Any) -> dict[str, Any]:
    sample = Sample(rows, columns, 0 if task == "regression" else 2)
    made = estimator({**LIGHTGBM.defaults, **asked}, task, 7, sample).get_params()
    return {name: made[name] for name in ("min_child_samples", "colsample_bytree", "reg_lambda")}


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_large_table_gets_what_was_asked(task: str) -> None:
    asked = {"min_child_samples": 200, "colsample_bytree": 0.5, "reg_lambda": 5.0}
    assert told(task, 80_000, 20, **asked) == asked


def test_leaves_and_penalty_fit_the_rows_of_a_regression() -> None:
    found = told("regression", 1_000, 20)
    assert (found["min_child_samples"], found["reg_lambda"]) == (10, 0.25)
    found = told("binary", 1_000, 20)
    assert (found["min_child_samples"], found["reg_lambda"]) == (20, 5.0)
    assert told("regression", 50, 20)["min_child_samples"] == 2


@pytest.mark.parametrize(("columns", "share"), [(1, 1.0), (3, 1.0), (5, 0.8), (6, 0.7), (50, 0.7)])
def test_a_tree_sees_four_columns_at_least(columns: int, share: float) -> None:
    assert told("binary", 5_000, columns)["colsample_bytree"] == share
    assert told("regression", 5_000, 8, colsample_bytree=0.4)["colsample_bytree"] == 0.5


def test_what_few_columns_say_together_is_learned() -> None:
    cells = pd.DataFrame(list(product((0.0, 1.0), repeat=3)) * 60, columns=["a", "b", "c"])
    y, rows = cells.prod(axis=1).to_numpy(), cells.astype(np.float32)
    columns = Columns(numbers=("a", "b", "c"), categories=())
    model = LIGHTGBM.build({}, columns, "regression", 7).fit(rows, y)
    # of trees that see two of them each, no sum is one where all three are, and zero elsewhere
    assert np.abs(model.predict(rows) - y).max() < 0.05
