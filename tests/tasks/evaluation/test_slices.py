"""Slices find the fall, and never take smallness for one."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from tasks.errors import DataError
from tasks.evaluation.bootstrap import Sampling
from tasks.evaluation.metrics import METRICS
from tasks.evaluation.slices import MISSING, REST, Slice, compare_slices, judge_slices, slice_labels
from tasks.records import plain, read

AUC = METRICS["roc_auc"]


def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.DataFrame]:
    """A challenger that is better everywhere but at LGA; TEB is small, PHL has one class."""
    rng = np.random.default_rng(6)
    origin = np.repeat(["EWR", "LGA", "TEB", "PHL"], [1500, 1500, 30, 200])
    y = rng.integers(0, 2, len(origin))
    y[origin == "PHL"] = 0
    champion = 1.0 * y + rng.normal(0, 1, len(y))
    challenger = np.where(origin == "LGA", 0.3 * y, 1.5 * y) + rng.normal(0, 1, len(y))
    challenger[origin == "TEB"] = -y[origin == "TEB"]
    return y, challenger, champion, pd.DataFrame({"origin": origin})


def test_the_slice_that_falls_is_found_and_the_small_ones_are_said_to_be_small() -> None:
    y, challenger, champion, frame = rows()
    found = compare_slices(AUC, y, challenger, champion, frame, Sampling(0.95, 1))
    by = {each.value: each for each in found}
    assert {value: each.rows for value, each in by.items()} == {
        "EWR": 1500,
        "LGA": 1500,
        "PHL": 200,
        "TEB": 30,
    }
    assert [value for value, each in by.items() if each.too_small] == ["PHL", "TEB"]
    assert [value for value, each in by.items() if each.fell(0.02)] == ["LGA"]
    assert by["EWR"].figure.low > 0


def test_one_models_slices_hold_the_metric_of_their_rows() -> None:
    y, _, champion, frame = rows()
    found = judge_slices(AUC, y, champion, frame, Sampling(0.95, 1, 50))
    ewr = (frame["origin"] == "EWR").to_numpy()
    assert found[0].figure.value == AUC.score(y[ewr], champion[ewr])
    assert found[0].figure.low < found[0].figure.value < found[0].figure.high


def test_a_regression_slice_with_one_value_is_judged() -> None:
    y, p, frame = np.ones(80), np.linspace(0, 1, 80), pd.DataFrame({"a": ["x"] * 80})
    found = judge_slices(METRICS["mae"], y, p, frame, Sampling(0.9, 1, 50))
    assert not found[0].too_small
    undefined = judge_slices(METRICS["r2"], y, p, frame, Sampling(0.9, 1, 50))
    assert undefined[0].too_small


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([1, 2, 2]), {"1", "2"}),
        (pd.Series([True, False, None], dtype="boolean"), {"True", "False", MISSING}),
        (
            pd.Series(pd.to_datetime(["2013-01-31", "2013-02-01", None])),
            {"2013-01", "2013-02", MISSING},
        ),
        (pd.Series(["a", None], dtype="category"), {"a", MISSING}),
    ],
)
def test_labels_of_each_kind_of_column(column: pd.Series, expected: set[str]) -> None:
    assert set(slice_labels(column)) == expected


def test_many_numbers_become_quarters_and_rare_texts_the_rest() -> None:
    numbers = slice_labels(pd.Series([*range(1000), np.nan]))
    assert numbers.value_counts().to_dict().pop(MISSING) == 1
    assert sorted(numbers.value_counts())[1:] == [250] * 4
    texts = slice_labels(pd.Series([f"t{i}" for i in range(100)] + ["often"] * 5))
    assert texts.nunique() == 31
    assert {"often", REST} <= set(texts)


def test_a_slice_survives_json() -> None:
    y, _, champion, frame = rows()
    for each in judge_slices(AUC, y, champion, frame, Sampling(0.95, 1, 20)):
        content = plain(each, nan_as_null=True)
        again = read(Slice, json.loads(json.dumps(content, allow_nan=False)), "slice")
        assert plain(again, nan_as_null=True) == content
        assert math.isnan(again.figure.low) == each.too_small


def test_a_frame_of_other_rows_is_refused() -> None:
    with pytest.raises(DataError, match="2 rows for 3 labels"):
        judge_slices(AUC, np.ones(3), np.ones(3), pd.DataFrame({"a": [1, 2]}), Sampling(0.9, 1))
