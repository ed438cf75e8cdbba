from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from tasks.config import Pipeline
from tasks.predictions.record import Record, key_of
from tasks.predictions.table import SCHEMA, rows_of
from tests.tasks.predictions.test_record import ROWS, VALUES


def pipeline(**more: Any) -> Pipeline:
    told = {"name": "visits", "task": "binary", "target": "stays", "event_time": "at"}
    return Pipeline.model_validate({**told, "key": ["visit", "day"], **more})


def record(*rows: dict[str, Any], probabilities: bool = True) -> Record:
    ids = [f"id{number}" for number in range(len(rows))]
    chances = [[0.25, 0.75] for _ in rows] if probabilities else None
    return Record(3, "champion", 1.4e9 + 0.25, ids, list(rows), ["yes" for _ in rows], chances)


def test_an_answer_becomes_a_row() -> None:
    (row,) = rows_of([record({"visit": "v1", "day": 2, "name": "Ann"})], pipeline()).to_pylist()
    assert row == {
        "id": "id0",
        "at": datetime(2014, 5, 13, 16, 53, 20, 250_000, UTC),
        "model_version": 3,
        "role": "champion",
        "key": '{"day":2,"visit":"v1"}',
        "features": '{"visit":"v1","day":2,"name":"Ann"}',
        "value": '"yes"',
        "probabilities": [0.25, 0.75],
        "sender": "",
    }


def test_what_is_personal_is_not_kept() -> None:
    hidden = pipeline(data={"personal": ["name", "street"]})
    rows = rows_of([record({"visit": "v1", "day": 2, "name": "Ann"}, {"street": "Elm"})], hidden)
    assert rows.column("features").to_pylist() == ['{"visit":"v1","day":2}', "{}"]
    assert "Ann" not in str(rows.to_pylist()) and "Elm" not in str(rows.to_pylist())


def test_without_a_pipeline_file_the_key_is_empty_and_the_features_stay() -> None:
    (row,) = rows_of([record({"visit": "v1", "day": 2})], None).to_pylist()
    assert (row["key"], json.loads(row["features"])) == ("", {"visit": "v1", "day": 2})


def test_a_regression_has_no_probabilities() -> None:
    rows = rows_of([record({"day": 2}, probabilities=False)], pipeline())
    assert rows.column("probabilities").to_pylist() == [None]
    assert rows_of([], pipeline()).schema == SCHEMA


@pytest.mark.parametrize("row", [{}, {"visit": "v1"}, {"visit": None, "day": 1}, {"visit": ""}])
def test_a_key_that_is_not_whole_is_empty(row: dict[str, Any]) -> None:
    assert key_of(row, ["visit", "day"]) == ""


@given(ROWS, VALUES)
def test_whatever_was_sent_becomes_rows(rows: list[dict[str, Any]], value: Any) -> None:
    whole = [{**row, "visit": value, "day": 1} for row in rows]
    made = rows_of([record(*whole)], pipeline())
    assert [json.loads(text) for text in made.column("features").to_pylist()] == whole
    for text in made.column("key").to_pylist():
        assert text == "" or json.loads(text) == {"visit": value, "day": 1}
    assert made.cast(SCHEMA) == made and isinstance(made, pa.Table)
