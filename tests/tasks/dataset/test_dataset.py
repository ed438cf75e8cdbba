from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.config import Pipeline
from tasks.dataset.dataset import build_dataset, naive_figures
from tasks.errors import DataError


def pipeline(**changes: object) -> Pipeline:
    given = {"name": "toy", "task": "binary", "target": "y", "event_time": "at", "key": ["id"]}
    held_out = {"training": {"evidence": "holdout"}}
    return Pipeline.model_validate({**given, **held_out, **changes})


def rows(count: int = 200, **columns: object) -> pd.DataFrame:
    draw = np.random.default_rng(3)
    made = {
        "id": np.arange(count),
        "at": pd.date_range("2024-01-01", periods=count, freq="h", tz="UTC"),
        "x": draw.normal(size=count),
        "y": draw.integers(0, 2, count).astype(float),
    }
    return pd.DataFrame({**made, **columns})


def test_labels_are_indices_in_the_order_of_the_classes() -> None:
    made = build_dataset(rows(y=np.where(np.arange(200) % 3 == 0, "late", "early")), pipeline())
    assert made.classes == ("early", "late")
    assert made.y[:3].tolist() == [1, 0, 0]


def test_rows_without_a_target_are_left_out() -> None:
    frame = rows()
    frame.loc[::4, "y"] = np.nan
    made = build_dataset(frame, pipeline())
    assert len(made.y) == len(made.frame) == len(made.prepared) == 150


def test_every_holdout_row_is_later_than_every_training_row() -> None:
    made = build_dataset(rows(), pipeline())
    assert made.times[made.split.training].max() < made.times[made.split.holdout].min()


def test_a_class_that_only_the_holdout_knows_is_left_out() -> None:
    frame = rows(y=np.where(np.arange(200) % 2, "a", "b"))
    frame.loc[195:, "y"] = "new"
    made = build_dataset(frame, pipeline(task="multiclass"))
    assert made.classes == ("a", "b")
    assert len(made.y) == 195


def test_whole_numbers_stay_whole_where_a_target_is_missing() -> None:
    y = np.where(np.arange(200) % 9 == 0, np.nan, np.arange(200) % 2)
    made = build_dataset(rows(y=y), pipeline())
    assert [type(one) for one in made.classes] == [int, int]
    assert sorted(np.unique(made.y).tolist()) == [0, 1]


@pytest.mark.parametrize(
    ("frame", "changes", "said"),
    [
        (rows().drop(columns="y"), {}, "the target is a column of the data; got y"),
        (rows().drop(columns="at"), {}, "the event time is a column"),
        (rows(y=np.ones(200)), {}, "two classes or more"),
        (rows(20), {}, "at least 50 rows have a target; got 20"),
        (rows(y=np.full(200, np.nan)), {}, "at least 50 rows have a target; got 0"),
        (rows(y=np.arange(200) % 3), {}, "a binary target has two classes"),
        (rows(y=["a"] * 200), {"task": "regression"}, "the target of a regression is a number"),
    ],
)
def test_rows_that_cannot_be_learned_from_are_refused(
    frame: pd.DataFrame, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        build_dataset(frame, pipeline(**changes))


def test_the_naive_figures_of_a_regression() -> None:
    assert naive_figures(np.array([1.0, 2.0, 6.0]), 0) == {"mean": 3.0, "median": 2.0, "last": 6.0}
