"""Whole columns are prepared as their cells are, whatever the column's type and length."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.features.prepare import prepare, prepare_columns
from tasks.features.schema import Feature, FeatureSchema
from tasks.features.values import MANY
from tests.tasks.features import oracle

CATEGORY = FeatureSchema((Feature("c", "category"),))
TIME = FeatureSchema((Feature("t", "time"),))
words = st.one_of(st.none(), st.text(max_size=4), st.sampled_from(["nan", "3", "__missing__"]))
whole = st.one_of(st.none(), st.integers(-3, 3), st.integers(-(2**62), 2**62))
floats = st.one_of(st.floats(width=32), st.sampled_from([0.0, -0.0, 3.0, 1e300, float("inf")]))
columns = st.one_of(
    st.lists(words).map(lambda v: pd.Series(v, dtype="str")),
    st.lists(words).map(lambda v: pd.Series(v, dtype="string")),
    st.lists(words).map(lambda v: pd.Series(v, dtype="category")),
    st.lists(whole).map(lambda v: pd.Series(v, dtype="Int64")),
    st.lists(st.integers(-5, 5)).map(lambda v: pd.Series(v, dtype="int32")),
    st.lists(st.integers(-5, 5)).map(lambda v: pd.Series(v, dtype="category")),
    st.lists(floats).map(lambda v: pd.Series(v, dtype="float64")),
    st.lists(floats).map(lambda v: pd.Series(v).astype("float32")),
    st.lists(st.one_of(st.none(), st.booleans())).map(lambda v: pd.Series(v, dtype="boolean")),
    st.lists(st.booleans()).map(lambda v: pd.Series(v, dtype="bool")),
    st.lists(st.one_of(words, whole, floats, st.booleans())).map(
        lambda v: pd.Series(v, dtype=object)
    ),
)
times = st.one_of(
    st.none(), st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31))
)
UNITS = ("datetime64[us]", "datetime64[us, UTC]", "datetime64[us, Asia/Tokyo]", "datetime64[ms]")


def long(column: pd.Series) -> pd.Series:
    """Repeat the values until the column takes the way of long columns."""
    times = 1 + MANY // max(1, len(column))
    return pd.concat([column] * times, ignore_index=True)


@pytest.mark.filterwarnings("ignore:overflow")
@settings(max_examples=200, deadline=None)
@given(columns)
def test_categories_are_those_of_each_cell(column) -> None:
    for cells in (column, long(column)):
        expected = [oracle.text(value) for value in cells.tolist()]
        made = prepare(pd.DataFrame({"c": cells}), CATEGORY)["c"]
        assert made.tolist() == expected
        assert str(made.dtype) == "str"


@settings(max_examples=50, deadline=None)
@given(st.lists(times, min_size=1, max_size=8), st.sampled_from(UNITS))
def test_times_are_those_of_each_cell(values, dtype) -> None:
    try:
        column = pd.Series(pd.to_datetime(pd.Series(values, dtype="datetime64[us]")))
        column = (
            column.dt.tz_localize("UTC").astype(dtype) if "," in dtype else column.astype(dtype)
        )
    except (OverflowError, pd.errors.OutOfBoundsDatetime):
        return
    for cells in (column, long(column)):
        made = prepare(pd.DataFrame({"t": cells}), TIME)
        for part, expected in oracle.parts(cells).items():
            np.testing.assert_array_equal(made[f"t_{part}"].to_numpy(), np.float32(expected))


def test_the_calendar_is_right_on_every_day_of_four_centuries() -> None:
    days = pd.Series(pd.date_range("1850-01-01", "2250-12-31", freq="D", unit="us"))
    made = prepare(pd.DataFrame({"t": days}), TIME)
    assert (made["t_weekday"] == days.dt.dayofweek).all()
    assert (made["t_month"] == days.dt.month).all()
    assert (made["t_day_of_year"] == days.dt.dayofyear).all()


def test_distinct_texts_are_kept_once() -> None:
    frame = pd.DataFrame({"c": pd.Series(["a", "b", None] * 100, dtype="str")}, index=range(5, 305))
    made = prepare_columns(frame, CATEGORY)
    assert made.texts["c"].levels == ("a", "b", "__missing__")
    assert made.frame().index.tolist() == frame.index.tolist()
