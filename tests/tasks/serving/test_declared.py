"""What the pipeline file says of a table's files holds for requests, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from deployments.serving.openapi import row_schema
from tasks.config import Pipeline
from tasks.config.source import Derived
from tasks.features.inference import infer_request, infer_schema
from tasks.features.request import RequestSchema
from tasks.features.typical import parts_at
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


HOURLY = {"derive": {"time": {"from": ["date", "hour"], "format": "%d/%m/%Y %H"}}}
OF_PARTS = Pipeline.model_validate(
    {"name": "air", "task": "regression", "target": "y", "event_time": "time", "source": HOURLY}
)


def hours() -> pd.DataFrame:
    """Return rows whose time is made of two columns, and of which hour 18 is told most."""
    times = pd.Series(pd.date_range("2021-01-01T05:00", periods=900, freq="25h", tz="UTC"))
    y = np.random.default_rng(5).normal(size=900)
    return pd.DataFrame({"date": times.dt.date, "hour": times.dt.hour, "time": times, "y": y})


def test_a_request_of_a_files_own_columns_is_told_what_a_time_is_made_of() -> None:
    frame = hours()
    schema = infer_schema(frame, OF_PARTS)
    request = infer_request(frame, schema, OF_PARTS)
    row = dict(request.example)
    Reader(request, schema).read([row])
    time = row.pop("time")
    with pytest.raises(Unfit) as raised:
        Reader(request, schema).read([row])
    assert [(problem.field, problem.problem) for problem in raised.value.problems] == [
        (
            "time",
            "is missing, and training saw no row without it; in files it is made of date and hour: "
            f"send it, such as {time}",
        )
    ]
    assert "in files made of: date, hour" in str(row_schema(request)["properties"]["time"])


def test_the_example_of_a_request_has_parts_that_make_its_time() -> None:
    frame = hours()
    example = infer_request(frame, infer_schema(frame, OF_PARTS), OF_PARTS).example
    said = f"{example['date']}T{example['hour']:02}:00:00+00:00"
    assert (said, type(example["hour"])) == (example["time"], int)


@pytest.mark.parametrize(
    ("form", "parts", "expected"),
    [
        ("%Y %m %d", {"y": 2020, "m": 1.0, "d": "01"}, {"y": 2023, "m": 3.0, "d": "05"}),
        ("%d/%m/%Y %H:%M", {"day": "2020-01-01T00:00:00+00:00", "clock": "other"},
         {"day": "2023-03-05T06:00:00+00:00", "clock": "06:00"}),
        # the day's own format has blanks: only what is a time itself is told
        ("%d %b %Y %H", {"day": "2020-01-01", "hour": 4}, {"day": "2023-03-05", "hour": 4}),
        ("%Y%m%d %H", {"day": "20200101", "hour": 4}, {"day": "20230305", "hour": 6}),
        ("%b %Y", {"month": None, "year": 2020}, {"month": None, "year": 2023}),
    ],
)  # fmt: skip
def test_parts_of_a_time_keep_their_forms(
    form: str, parts: dict[str, Any], expected: dict[str, Any]
) -> None:
    derived = Derived(of=tuple(parts), format=form)
    made_parts = parts_at("2023-03-05T06:00:00+00:00", derived, parts)
    assert [(name, value, type(value)) for name, value in made_parts.items()] == [
        (name, value, type(value)) for name, value in expected.items()
    ]


def test_a_manifest_of_an_older_release_declares_nothing() -> None:
    frame = table()
    schema = infer_schema(frame, PIPELINE)
    content = plain(infer_request(frame, schema, PIPELINE))
    for field in content["fields"]:
        del field["marks"], field["made_of"]
    del content["left_out"]
    older = read(RequestSchema, content, "manifest")
    row = {"damp": 1, "town": "a", "warm": -999, "wet": 3}
    assert -999 in Reader(older, schema).read([row]).numbers[0]
