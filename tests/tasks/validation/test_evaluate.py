"""Judging in pieces gives what judging in one go gives, whatever the pieces are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from great_expectations.expectations.row_conditions import Column

from expectations.suite import Suite
from tasks.errors import ConfigurationError
from tasks.readers.kinds import schema_of
from tasks.validation import pieces
from tasks.validation.evaluate import evaluate
from tasks.validation.report import Check

ROWS = 3000
KINDS = {
    "id": "integer",
    "letter": "string",
    "x": "number",
    "y": "number",
    "at": "timestamp",
    "flag": "boolean",
    "name": "string",
    "day": "date",
    "nothing": "number",
}
EXPECTATIONS: tuple[Any, ...] = (
    gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=ROWS - 1),
    gxe.ExpectTableColumnCountToEqual(value=9),
    gxe.ExpectColumnToExist(column="absent"),
    gxe.ExpectTableColumnsToMatchSet(column_set=["id"]),
    gxe.ExpectColumnValuesToNotBeNull(column="letter", mostly=0.85),
    gxe.ExpectColumnValuesToNotBeNull(column="x", mostly=0.95),
    gxe.ExpectColumnValuesToNotBeNull(column="nothing"),
    gxe.ExpectColumnValuesToBeNull(column="letter", mostly=0.1),
    gxe.ExpectColumnValuesToBeInSet(column="letter", value_set=["a", "b", "c"], mostly=0.7),
    gxe.ExpectColumnValuesToBeInSet(column="flag", value_set=[True]),
    gxe.ExpectColumnValuesToBeBetween(column="x", min_value=-2, max_value=2, mostly=0.95),
    gxe.ExpectColumnValuesToBeBetween(column="nothing", min_value=0),
    gxe.ExpectColumnValuesToBeBetween(column="at", min_value=datetime(2013, 1, 5), mostly=0.9),
    gxe.ExpectColumnValuesToBeBetween(column="at", max_value=datetime(2013, 12, 5, tzinfo=UTC)),
    gxe.ExpectColumnValuesToBeBetween(column="day", min_value=date(2013, 1, 5)),
    gxe.ExpectColumnValuesToBeBetween(column="letter", min_value=3),
    gxe.ExpectColumnValuesToMatchRegex(column="name", regex="^n[0-8]"),
    gxe.ExpectColumnValueLengthsToBeBetween(column="letter", max_value=1),
    gxe.ExpectColumnValuesToBeUnique(column="id", mostly=0.5),
    gxe.ExpectColumnValuesToBeUnique(column="x"),
    gxe.ExpectColumnValuesToBeUnique(column="letter"),
    gxe.ExpectCompoundColumnsToBeUnique(column_list=["id", "name"]),
    gxe.ExpectCompoundColumnsToBeUnique(column_list=["id", "letter"]),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="x", column_B="y", mostly=0.4),
    gxe.ExpectColumnMinToBeBetween(column="x", min_value=-10),
    gxe.ExpectColumnMaxToBeBetween(column="at", max_value=datetime(2013, 2, 1)),
    gxe.ExpectColumnMeanToBeBetween(column="x", min_value=-0.1, max_value=0.1),
    gxe.ExpectColumnSumToBeBetween(column="id", min_value=1),
    gxe.ExpectColumnMedianToBeBetween(column="x", min_value=-0.1),
    gxe.ExpectColumnStdevToBeBetween(column="x", max_value=0.1),
    gxe.ExpectColumnDistinctValuesToBeInSet(column="letter", value_set=["a"]),
    gxe.ExpectColumnUniqueValueCountToBeBetween(column="name", max_value=4),
    gxe.ExpectColumnValuesToBeBetween(
        column="x", min_value=-1, mostly=0.5, row_condition=Column("y") > 0
    ),
    gxe.ExpectColumnMeanToBeBetween(column="x", min_value=0.1, row_condition=Column("y") > 0),
    gxe.ExpectColumnValuesToBeIncreasing(column="id"),
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(7)

    def holes(values: list[Any]) -> list[Any]:
        return [None if random.random() < 0.1 else value for value in values]

    start = datetime(2013, 1, 1, tzinfo=UTC)
    columns = {
        "id": [int(value) for value in random.integers(0, 3 * ROWS, ROWS)],
        "letter": holes([str(value) for value in random.choice(["a", "b", "c", "zz"], ROWS)]),
        "x": holes([float(value) for value in random.normal(size=ROWS)]),
        "y": holes([float(value) for value in random.normal(size=ROWS)]),
        "at": holes([start + timedelta(hours=int(at)) for at in random.integers(0, 9000, ROWS)]),
        "flag": holes([bool(value) for value in random.integers(0, 2, ROWS)]),
        "name": [f"n{value}" for value in random.integers(0, 2 * ROWS, ROWS)],
        "day": holes([date(2013, 1, 1 + int(day)) for day in random.integers(0, 28, ROWS)]),
        "nothing": [None] * ROWS,
    }
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    pq.write_table(pa.table(columns, schema=schema_of(KINDS)), path, row_group_size=700)
    return path


def judged(path: Path, at_once: int) -> list[Check]:
    suite = Suite(None, EXPECTATIONS)
    return list(evaluate(path, schema_of(KINDS), ROWS, suite, (), "suite", at_once=at_once))


@pytest.fixture(scope="module")
def in_one_go(rows: Path) -> list[Check]:
    return judged(rows, ROWS)


def essence(check: Check) -> tuple[Any, ...]:
    observed = None if check.observed is None else check.observed[:10]
    counts = (check.evaluated, check.unexpected, check.sample_rows)
    return (check.rule, check.column, check.passed, *counts, observed, check.message)


@pytest.mark.parametrize("at_once", [ROWS - 1, 701])
def test_pieces_judge_as_the_whole(rows: Path, in_one_go: list[Check], at_once: int) -> None:
    for whole, cut in zip(in_one_go, judged(rows, at_once), strict=True):
        assert essence(cut) == essence(whole)


def test_columns_of_many_values_judge_as_the_whole(
    rows: Path, in_one_go: list[Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A bound, not a behaviour: the second and later pieces then go the other way.
    monkeypatch.setattr(pieces, "MANY", 800)
    for whole, cut in zip(in_one_go, judged(rows, 701), strict=True):
        assert essence(cut) == essence(whole)


def test_what_raises_is_a_failure_with_its_message(in_one_go: list[Check]) -> None:
    (check,) = [check for check in in_one_go if check.message]
    assert (check.column, check.passed) == ("letter", False)
    assert check.message.startswith("It could not be evaluated: ")


def test_mostly_is_judged_on_totals_not_on_pieces(tmp_path: Path) -> None:
    """All of the offending values stand in the first piece."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"v": pa.array([1] * 10 + [0] * 190, pa.int64())}), path)
    for mostly, passed in ((0.95, True), (0.951, False)):
        expectation = gxe.ExpectColumnValuesToBeInSet(column="v", value_set=[0], mostly=mostly)
        suite = Suite(None, (expectation,))
        schema = schema_of({"v": "integer"})
        (check,) = evaluate(path, schema, 200, suite, (), "suite", at_once=20)
        assert (check.passed, check.evaluated, check.unexpected) == (passed, 200, 10)


def test_an_unknown_column_is_a_fault_of_the_suite() -> None:
    suite = Suite(None, (gxe.ExpectColumnValuesToNotBeNull(column="idd"),))
    with pytest.raises(ConfigurationError, match="idd") as caught:
        evaluate(Path("unread"), schema_of(KINDS), 1, suite, (), "suite")
    assert caught.value.remedy.startswith("Did you mean id? Columns: ")
