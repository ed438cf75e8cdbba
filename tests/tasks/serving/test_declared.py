"""What the pipeline file says of a table's files holds for requests, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from deployments.serving.openapi import row_schema
from tasks.config import Pipeline
from tasks.features.inference import infer_request, infer_schema
from tasks.features.request import RequestSchema
from tasks.features.values import MISSING
from tasks.records import plain, read
from tasks.serving.problems import Unfit
from tasks.serving.rows import Reader

ROWS = 240
SOURCE = {
    "leave_out": ["", "row", "wind"],
    "columns": {
        "damp": {"missing": ["-1.999,0", "?"], "decimal": ",", "thousands": "."},
        "town": {"missing": ["-", "9", "007"]},
        "warm": {"missing": ["-999.0"]},
        "wet": {"missing": ["-7"]},
    },
}
PIPELINE = Pipeline.model_validate(
    {"name": "air", "task": "regression", "target": "y", "source": SOURCE}
)


def table() -> pd.DataFrame:
    """Return rows as files were read: a mark is no value; only `wet` has one in every row."""
    draw = np.random.default_rng(5)
    gap = np.arange(ROWS) % 9 == 0
    return pd.DataFrame(
        {
            "damp": pd.Series(draw.normal(size=ROWS)).mask(gap),
            "town": pd.Series(draw.choice(["a", "b", "7"], ROWS)).mask(gap),
            "warm": pd.Series(draw.normal(size=ROWS)).mask(gap),
            "wet": draw.normal(size=ROWS),
            "y": draw.normal(size=ROWS),
        }
    )


def made(pipeline: Pipeline = PIPELINE) -> tuple[RequestSchema, Reader]:
    """Return a request's form as a manifest keeps it, and its reader."""
    frame = table()
    schema = infer_schema(frame, pipeline)
    request = read(RequestSchema, plain(infer_request(frame, schema, pipeline)), "manifest")
    return request, Reader(request, schema)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("warm", -999),
        ("warm", -999.0),
        ("warm", "-999.0"),
        ("damp", -1999),
        ("damp", "?"),
        ("town", "-"),
        ("town", "9"),
        ("town", 9),
        ("town", 9.0),
        ("town", "007"),
    ],
)
def test_a_mark_for_no_value_is_none_in_a_request(field: str, value: Any) -> None:
    _, reader = made()
    row = {"damp": 1.5, "town": "a", "warm": 2.5, "wet": 3.5}
    marked, null = reader.read([{**row, field: value}]), reader.read([{**row, field: None}])
    np.testing.assert_array_equal(marked.numbers, null.numbers)
    assert marked.texts == null.texts
    assert np.isnan(marked.numbers).any() or marked.texts == [[MISSING]]


@pytest.mark.parametrize(
    ("field", "value"), [("warm", 999), ("damp", 1.999), ("wet", -999), ("town", 7), ("town", "x")]
)
def test_what_is_no_mark_of_its_column_is_a_value(field: str, value: Any) -> None:
    _, reader = made()
    numbers, texts, _ = reader.read([{"damp": 1, "town": "a", "warm": 2, "wet": 3, field: value}])
    assert str(value) in texts[0] or value in numbers[0]


def test_a_mark_where_training_saw_no_row_without_a_value_is_refused() -> None:
    _, reader = made()
    with pytest.raises(Unfit) as raised:
        reader.read([{"wet": -7}])
    assert [(problem.field, problem.problem) for problem in raised.value.problems] == [
        ("wet", "is -7, which stands for no value, and training saw no row without it")
    ]


def test_what_is_left_out_of_files_may_be_sent_and_is_told() -> None:
    request, reader = made()
    row = {"damp": 1, "town": "a", "warm": 2, "wet": 3}
    sent = reader.read([{**row, "": 0, "row": 7, "wind": {"from": "N"}}])
    assert (sent.numbers, sent.ignored) == (reader.read([row]).numbers, ("", "row", "wind"))
    assert {"", "row", "wind"} < row_schema(request)["properties"].keys()
    with pytest.raises(Unfit, match="1 problem, of rows"):
        reader.read([{**row, "row": 7, "rows": 7}])


def test_a_manifest_of_an_older_release_declares_nothing() -> None:
    frame = table()
    schema = infer_schema(frame, PIPELINE)
    content = plain(infer_request(frame, schema, PIPELINE))
    for field in content["fields"]:
        del field["marks"]
    del content["left_out"]
    older = read(RequestSchema, content, "manifest")
    row = {"damp": 1, "town": "a", "warm": -999, "wet": 3}
    assert -999 in Reader(older, schema).read([row]).numbers[0]
