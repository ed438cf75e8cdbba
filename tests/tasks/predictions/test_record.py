from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.predictions.record import Record, as_json, decoded, encoded, payload

TEXT = st.text(st.characters(exclude_categories=[]), max_size=8)  # halves of surrogates too
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(TEXT, VALUES, max_size=4), min_size=1, max_size=3)


def written(**told: Any) -> bytes:
    one = {"version": 3, "role": "champion", "at": 5.5, "ids": ["a"], "rows": [{"x": 1}]}
    return encoded(Record(**{**one, "values": [1], "probabilities": None, **told}))


@given(ROWS)
def test_every_row_of_json_comes_back_as_it_was(rows: list[dict[str, Any]]) -> None:
    ids = [f"{number}" for number in range(len(rows))]
    data = encoded(Record(3, "shadow", 5.5, ids, rows, ids, [[0.25, 0.75]] * len(rows)))
    (record,) = decoded(payload([data])).records
    assert record.rows == rows
    assert (record.version, record.role, record.at, record.ids) == (3, "shadow", 5.5, ids)
    assert record.probabilities == [[0.25, 0.75]] * len(rows)


@given(VALUES)
def test_json_text_says_the_value(value: Any) -> None:
    assert json.loads(as_json(value)) == value
    assert as_json(value, ordered=True) == as_json(json.loads(as_json(value)), ordered=True)
    as_json(value).encode()


def test_what_arrays_hold_is_written() -> None:
    chances = np.array([[0.25, 0.75]], dtype=np.float32)
    row = {"n": np.int64(4), "t": datetime(2013, 1, 1, tzinfo=UTC), "l": np.array([1, 2])}
    data = written(rows=[row], values=np.array([1]), probabilities=chances)
    (record,) = decoded(payload([data])).records
    assert (record.values, record.probabilities) == ([1], [[0.25, 0.75]])
    assert as_json(record.rows[0]) == '{"n":4,"t":"2013-01-01T00:00:00Z","l":[1,2]}'


def test_the_sender_is_recorded_and_of_older_records_unknown() -> None:
    whole = Record(3, "champion", 5.5, ["a"], [{"x": 2**70}], [1], None, "ann\ud800")
    older = msgspec.msgpack.encode(Record(3, "champion", 5.5, ["b"], [{}], [1], None)[:7])
    newer = msgspec.msgpack.encode([*Record(3, "champion", 5.5, ["c"], [{}], [1], None), "more"])
    found = decoded(payload([encoded(whole), older, newer]))
    assert [record.sender for record in found.records] == ["ann?", None, ""]
    assert found.unreadable == 0


def test_a_row_is_written_as_it_is_now() -> None:
    row = {"x": 1}
    data = written(rows=[row])
    row["x"] = 2
    assert decoded(payload([data])).records[0].rows == [{"x": 1}]


@pytest.mark.parametrize(
    "told",
    [
        {"role": "king"},
        {"at": float("nan")},
        {"at": 1e300},
        {"version": -1},
        {"version": 2**63},
        {"rows": [[1]]},
        {"probabilities": [[0.5], [0.5]]},
        {"probabilities": [["half"]]},
        {"ids": [7]},
    ],
    ids=str,
)
def test_one_record_that_is_none_costs_no_other(told: dict[str, Any]) -> None:
    if told.get("rows"):
        wrong = payload([written()])[5:].replace(b"\x81\xa1x\x01", b"\x91\x01")
    else:
        wrong = written(**told)
    found = decoded(payload([written(ids=["b"]), wrong, written(ids=["c"])]))
    assert [record.ids for record in found.records] == [["b"], ["c"]]
    assert found.unreadable == 1


@pytest.mark.parametrize("text", ["a", "\ud800"])
def test_what_is_no_number_becomes_null_in_json(text: str) -> None:
    told = as_json({text: [float("nan"), float("inf"), 1.5]})
    assert json.loads(told) == {text: [None, None, 1.5]}
