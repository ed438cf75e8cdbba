"""What few figures decide is what Great Expectations says of every value."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.readers.frames import to_pandas
from tasks.validation.checks import judge
from tasks.validation.plan import plan
from tasks.validation.shortcuts import decide_early

BETWEEN = gxe.ExpectColumnValuesToBeBetween
TIMES = pd.date_range("2024-01-01", periods=4, freq="D", tz="UTC")
TABLE = pa.table(
    {
        "n": pa.array([1, 5, None, 9], pa.int64()),
        "x": pa.array([0.5, 1.5, 2.5, float("inf")], pa.float64()),
        "at": pa.array(TIMES, pa.timestamp("us", "UTC")),
        "day": pa.array([time.date() for time in TIMES], pa.date32()),
        "empty": pa.nulls(4, pa.float64()),
    }
)
# Each expectation, and whether the figures alone must decide it.
CASES: list[tuple[Any, bool]] = [
    (gxe.ExpectColumnValuesToNotBeNull(column="x"), True),
    (gxe.ExpectColumnValuesToNotBeNull(column="n"), True),
    (gxe.ExpectColumnValuesToNotBeNull(column="n", mostly=0.75), True),
    (gxe.ExpectColumnValuesToNotBeNull(column="n", mostly=0.76), True),
    (gxe.ExpectColumnValuesToNotBeNull(column="empty"), True),
    (gxe.ExpectColumnValuesToBeNull(column="empty"), True),
    (gxe.ExpectColumnValuesToBeNull(column="n", mostly=0.25), True),
    (BETWEEN(column="n", min_value=1, max_value=9), True),
    (BETWEEN(column="n", min_value=1.0, max_value=9.5), True),
    (BETWEEN(column="n", min_value=1, max_value=9, strict_max=True), False),
    (BETWEEN(column="n", min_value=0, max_value=10, strict_min=True, strict_max=True), True),
    (BETWEEN(column="n", min_value=2), False),
    (BETWEEN(column="n", min_value=2, mostly=0.5), False),
    (BETWEEN(column="x", min_value=0), True),
    (BETWEEN(column="x", max_value=100), False),
    (BETWEEN(column="empty", min_value=0, max_value=1), False),
    (BETWEEN(column="at", min_value=datetime(2024, 1, 1), max_value=datetime(2025, 1, 1)), True),
    (BETWEEN(column="at", min_value=datetime(2024, 1, 2, tzinfo=UTC)), False),
    (BETWEEN(column="day", min_value=date(2024, 1, 1), max_value=date(2024, 1, 4)), True),
]


@pytest.mark.parametrize(("expectation", "decided"), CASES)
def test_figures_say_what_the_library_says(tmp_path: Path, expectation: Any, decided: bool) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(TABLE, path)
    early = decide_early(path, [plan(expectation, TABLE.schema, "here")], TABLE.num_rows)
    assert (id(expectation) in early) == decided
    if decided:
        (said,) = judge(to_pandas(TABLE), [expectation])
        ours = early[id(expectation)]
        assert said.error is None
        assert (ours.success, ours.evaluated, ours.unexpected, ours.places) == (
            said.success, said.evaluated, said.unexpected, said.places
        )  # fmt: skip
