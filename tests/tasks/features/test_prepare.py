from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import ConfigurationError, DataError
from tasks.features.prepare import load_transform, prepare
from tasks.features.schema import Feature, FeatureSchema, prepared_columns

SCHEMA = FeatureSchema(
    (
        Feature("number", "number"),
        Feature("flag", "boolean"),
        Feature("level", "category"),
        Feature("at", "time"),
    ),
    {"late": "it is the target"},
)
UTC = datetime.UTC
times = st.datetimes(datetime.datetime(1800, 1, 1), datetime.datetime(2200, 1, 1))
cells = {
    "number": st.one_of(
        st.none(),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.decimals(allow_nan=False, allow_infinity=False),
        st.sampled_from(["", "12", " 1.5 ", "-3e2", np.int16(4), np.float32(0.1), pd.NA]),
    ),
    "flag": st.sampled_from([None, True, False, "true", "No", "1", 0, 1.0, np.True_, float("nan")]),
    "level": st.one_of(
        st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.just(pd.NaT)
    ),
    "at": st.one_of(
        st.none(),
        st.just(pd.NaT),
        times,
        times.map(lambda t: t.replace(tzinfo=UTC)),
        times.map(lambda t: t.isoformat()),
        times.map(pd.Timestamp),
        times.map(lambda t: t.date()),
        st.just("2013-01-01T05:00:00-05:00"),
    ),
}
row = st.fixed_dictionaries(cells)


def framed(rows: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([r[name] for r in rows], dtype=object) for name in cells})


@settings(max_examples=25, deadline=None)
@given(st.lists(row, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_a_row_alone_is_the_row_of_the_whole(rows, random) -> None:
    whole = prepare(framed(rows), SCHEMA)
    names = [*cells, "more"]
    random.shuffle(names)
    for i, row in enumerate(rows):
        inferred = pd.DataFrame([{**row, "more": object()}])[names]
        for alone in (prepare(framed([row]), SCHEMA), prepare(inferred, SCHEMA)):
            pd.testing.assert_frame_equal(alone, whole.iloc[i : i + 1].reset_index(drop=True))


@settings(max_examples=25, deadline=None)
@given(st.lists(row, max_size=5))
def test_prepared_rows_are_finite_or_missing_numbers_and_text(rows) -> None:
    numbers, categories, _ = prepared_columns(SCHEMA)
    made = prepare(framed(rows), SCHEMA)
    assert list(made.columns) == [*numbers, *categories]
    assert len(made) == len(rows)
    assert {str(dtype) for dtype in made[list(numbers)].dtypes} == {"float32"}
    assert not np.isinf(made[list(numbers)].to_numpy()).any()
    for text in made["level"]:
        assert text
        text.encode()


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        (pd.Series([1, 2, 3], dtype="int64"), [1, "2", 3.0]),
        (pd.Series([1, None, 3], dtype="Int64"), ["1", None, 3]),
        (pd.Series([1.5, np.nan, np.inf]), ["1.5", "", "inf"]),
        (pd.Series([True, False, None], dtype="boolean"), [1, 0, None]),
        (pd.Series(["1", "2.5", None], dtype="str"), [1, 2.5, None]),
        (pd.Series([Decimal("1.5"), None, 3]), [1.5, None, 3]),
        (pd.Series([10**400, 1e300, 2], dtype=object), [None, None, 2]),
    ],
)
def test_numbers_are_the_same_however_they_come(typed, plain) -> None:
    schema = FeatureSchema((Feature("a", "number"),))
    made = [prepare(pd.DataFrame({"a": values}), schema) for values in (typed, plain)]
    pd.testing.assert_frame_equal(*made)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        (pd.Series([1, 2, None]), ["1", "2", None]),
        (pd.Series([1, 2, None], dtype="Int64"), [1, 2, ""]),
        (pd.Series(["a", None, "b"], dtype="category"), ["a", None, "b"]),
        (pd.Series([True, False]), ["true", "false"]),
        (pd.Series(["a\ud800"], dtype=object), ["a?"]),
    ],
)
def test_categories_are_the_same_however_they_come(typed, plain) -> None:
    schema = FeatureSchema((Feature("a", "category"),))
    made = [prepare(pd.DataFrame({"a": values}), schema) for values in (typed, plain)]
    pd.testing.assert_frame_equal(*made)


def test_times_are_unfolded_in_utc() -> None:
    instants = [
        pd.Timestamp("2024-12-31 23:30"),
        "2024-12-31T18:30:00-05:00",
        "2024-12-31T23:30:00Z",
        datetime.datetime(2024, 12, 31, 23, 30, tzinfo=UTC),
        np.datetime64("2024-12-31T23:30"),
        pd.Timestamp("2025-01-01 08:30", tz="Asia/Tokyo"),
    ]
    schema = FeatureSchema((Feature("t", "time"),))
    for instant in instants:
        made = prepare(pd.DataFrame({"t": [instant]}), schema).iloc[0]
        assert made.to_dict() == {
            "t_hour": 23.5,
            "t_weekday": 1,
            "t_month": 12,
            "t_day_of_year": 366,
        }
    index = pd.date_range("1950-01-01", "2030-01-01", freq="37h", tz="America/New_York")
    made = prepare(pd.DataFrame({"t": index}), schema)
    expected = index.tz_convert("UTC")
    assert (made["t_hour"] == (expected.hour + expected.minute / 60).astype("float32")).all()
    assert (made["t_weekday"] == expected.dayofweek).all()
    assert (made["t_month"] == expected.month).all()
    assert (made["t_day_of_year"] == expected.dayofyear).all()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("number", "twelve"),
        ("number", "1_000"),
        ("number", [1]),
        ("number", datetime.date(2024, 1, 1)),
        ("flag", "maybe"),
        ("flag", 2),
        ("at", "yesterday"),
        ("at", 1700000000),
    ],
)
def test_a_value_that_does_not_fit_is_named(column, value) -> None:
    good = {"number": 1, "flag": True, "level": "a", "at": "2024-01-01"}
    with pytest.raises(DataError, match=f"row 1, column {column}: is "):
        prepare(framed([good, {**good, column: value}]), SCHEMA)


def test_an_absent_column_is_named_and_the_index_is_kept() -> None:
    frame = framed([{"number": 1, "flag": True, "level": "a", "at": None}])
    with pytest.raises(DataError, match="no level"):
        prepare(frame.drop(columns="level"), SCHEMA)
    frame.index = pd.Index([42])
    assert prepare(frame, SCHEMA).index.tolist() == [42]
    twice = pd.concat([frame, frame[["level"]]], axis=1)
    with pytest.raises(DataError, match="there twice"):
        prepare(twice, SCHEMA)


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    assert "late" not in frame
    return frame.assign(number=frame["number"] * 2)


def test_the_users_function_comes_first_and_never_sees_the_target() -> None:
    assert load_transform(None) is None
    function = load_transform(f"{__name__}:doubled")
    frame = pd.DataFrame({"number": [1], "flag": [True], "level": "a", "at": [None], "late": [1]})
    assert prepare(frame, SCHEMA, function)["number"].tolist() == [2]
    assert frame["number"].tolist() == [1]
    with pytest.raises(DataError, match="keeps the 1 row; got 0"):
        prepare(frame, SCHEMA, lambda f: f.head(0))
    with pytest.raises(DataError, match="KeyError"):
        prepare(frame, SCHEMA, lambda f: f[["nothing"]])
    with pytest.raises(DataError, match="returns a DataFrame"):
        prepare(frame, SCHEMA, lambda f: f["number"])
    for name in ("nowhere:f", "math:nothing", "math:pi"):
        with pytest.raises(ConfigurationError, match=name):
            load_transform(name)
