"""What is shown and kept of training rows is made: no cell of it is one row's own."""

from __future__ import annotations

import datetime
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.config import Pipeline
from tasks.features.inference import infer_request, infer_schema
from tasks.features.prepare import prepare, prepared_columns
from tasks.features.schema import Kind
from tasks.features.typical import SHARED, make_rows, typical_value
from tasks.features.values import MISSING

PEOPLE = Pipeline(name="a", task="binary", target="y", event_time="at", key=["who"])
COUNT = 400


def people() -> pd.DataFrame:
    """Return rows of which each has something of its own, and shares something with others."""
    draw = np.random.default_rng(3)
    plan = pd.Series(draw.choice(["gold", "free", None], COUNT))
    return pd.DataFrame(
        {
            "who": [f"person-{number}" for number in range(COUNT)],
            "at": pd.date_range("2024-01-01T00:07:13", periods=COUNT, freq="7h", tz="UTC"),
            "salary": 50_000 + draw.normal(scale=9_000, size=COUNT).round(2),
            "day": draw.choice([20240131, 20240229], COUNT),
            "town": [f"Town {number // 3}" for number in range(COUNT)],
            "plan": plan.mask(np.arange(COUNT) == 7, "only one has it"),
            "member": draw.random(COUNT) < 0.8,
            "note": [f"the client number{number} asked for more" for number in range(COUNT)],
            "y": draw.integers(0, 2, COUNT),
        }
    )


CASES: list[tuple[Any, Kind, Any]] = [
    (pd.Series([0.123456, 0.9]), "number", 0.123),
    (pd.Series([np.nan, np.nan]), "number", None),
    (pd.Series([20240131] * SHARED + [99999999]), "number", 20240131),
    (pd.Series([-1234567, -7654321, -7654321]), "number", -7650000),
    (pd.Series([True, False, True]), "boolean", True),
    (pd.Series(["a"] * SHARED + ["b"] * (SHARED + 1)), "category", "b"),
    (pd.Series([f"n{number}" for number in range(50)]), "category", "other"),
    (pd.Series([datetime.date(2024, 1, day) for day in (1, 2, 9)]), "time", "2024-01-02"),
    (pd.Series(pd.to_datetime(["2024-01-01T10:47:13.5"])), "time", "2024-01-01T10:00:00"),
    (pd.Series(["my own words"] * 99), "text", "some words"),
    (pd.Series([None, None], dtype=object), "category", None),
]


@pytest.mark.parametrize(("column", "kind", "expected"), CASES, ids=lambda value: str(value)[:20])
def test_a_typical_value_is_shared_by_many_or_rounded(
    column: pd.Series, kind: Kind, expected: Any
) -> None:
    found = typical_value(column, kind)
    assert (found, type(found)) == (expected, type(expected))
    json.dumps(found, allow_nan=False)


def test_an_example_of_a_request_is_nobodys() -> None:
    frame = people()
    schema = infer_schema(frame, PEOPLE)
    example = infer_request(frame, schema, PEOPLE).example
    assert "who" not in example
    assert {*example} >= {"salary", "plan", "member", "note", "at"}
    assert example["salary"] not in set(frame["salary"])
    assert pd.Timestamp(example["at"]) not in set(frame["at"])
    assert example["plan"] in {"gold", "free"}
    assert not [name for name in frame["note"] if name in example.values()]


def test_a_made_row_is_no_real_row_and_has_the_form_of_one() -> None:
    frame = people()
    schema = infer_schema(frame, PEOPLE)
    prepared, columns = prepare(frame, schema), prepared_columns(schema)
    made = make_rows(prepared, columns, 20)
    assert list(made.dtypes) == list(prepared.dtypes)
    assert (list(made.columns), len(made)) == (list(prepared.columns), 20)
    rows = set(map(tuple, prepared.astype(object).to_numpy().tolist()))
    assert not rows & set(map(tuple, made.astype(object).to_numpy().tolist()))
    said = made.to_json()
    for own in ("only one has it", "Town ", "number", "person"):
        assert own not in said.replace('"number', "")
    assert set(made["plan"]) == {"gold", "free", MISSING}
    assert {word for text in made["note"] for word in text.split(" ")} == {
        *("the", "client", "asked", "for", "more"),
    }
    # the same in each training
    pd.testing.assert_frame_equal(made, make_rows(prepared, columns, 20))
    # spread over what there is
    low, high = prepared["salary"].quantile([0.1, 0.9])
    assert made["salary"].min() < low < high < made["salary"].max()


def test_of_a_column_without_values_or_words_the_made_rows_have_none() -> None:
    frame = pd.DataFrame({"n": np.full(3, np.nan, "float32"), "c": [MISSING] * 3, "t": ["_"] * 3})
    frame = frame.astype({"c": "str", "t": "str"})
    made = make_rows(
        frame,
        prepared_columns(infer_schema(people(), PEOPLE))._replace(
            numbers=("n",), categories=("c",), texts=("t",)
        ),
        20,
    )
    assert made["n"].isna().all()
    assert set(made["c"]) == {MISSING, "other"}
    assert list(made["t"]) == ["_"] * 3
