"""Rows of a query in real SQLite files: once each, in their types, whatever comes in between."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from tasks.collection.arrow_rows import join_tables, make_table
from tasks.collection.collector import Cursor
from tasks.collection.seen import MOST, SeenRows
from tasks.config import check_pipeline
from tasks.errors import ConfigurationError, DataError, SourceUnavailable
from tasks.faults import Died, dying_at
from tasks.workspace import Workspace
from tests.tasks.collection.scenes import collecting, ingest, run

VARIABLE = "SHOP_DATABASE"
QUERY = "SELECT id, at, size, colour, high FROM sales"
Row = tuple[Any, ...]


def sale(number: int, at: str = "") -> Row:
    hour = at or f"2024-{1 + number // 672:02}-{1 + number // 24 % 28:02}T{number % 24:02}:00:00"
    size = None if number % 19 == 5 else (number * 37 % 101) / 25 - 2
    return number, hour, size, ("red", "green", "blue")[number % 3], int(number * 37 % 101 > 55)


class Shop:
    """A shop's database in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run("CREATE TABLE sales (id INTEGER, at TEXT, size REAL, colour TEXT, high INTEGER)")

    def run(self, statement: str) -> list[Row]:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(statement).fetchall()

    def add(self, *rows: Row) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?, ?)", rows)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    path = tmp_path / "the shop.sqlite"
    monkeypatch.setenv(VARIABLE, f"sqlite:///{path}")
    return Shop(path)


def shop_pipeline(folder: Path, **section: Any) -> Workspace:
    return collecting(folder, kind="sql", **{"url": {"env": VARIABLE}, "query": QUERY, **section})


def landed(workspace: Workspace) -> list[pa.Table]:
    """Return the objects that were collected."""
    bucket = workspace.bucket
    return [
        pyarrow.parquet.read_table(pa.BufferReader(bucket.get(info.key)))
        for info in bucket.list(workspace.layout.collected)
    ]


def ids(workspace: Workspace) -> list[int]:
    return sorted(number for table in landed(workspace) for number in table["id"].to_pylist())


def test_rows_land_in_their_types_and_are_taken_in(tmp_path: Path, shop: Shop) -> None:
    shop.add(*map(sale, range(60)))
    workspace = shop_pipeline(tmp_path, since="id")
    done = run(workspace)
    assert (done.outcome, done.rows, len(done.keys)) == ("collected", 60, 1)
    types = {field.name: str(field.type) for field in landed(workspace)[0].schema}
    whole = {"id": "int64", "high": "int64", "size": "double", "at": "string", "colour": "string"}
    assert types == whole
    assert ingest(workspace) == list(range(60))
    assert run(workspace).outcome == "nothing"


def test_rows_that_come_later_with_the_same_value_are_neither_lost_nor_doubled(
    tmp_path: Path, shop: Shop
) -> None:
    workspace = shop_pipeline(tmp_path, since="at")
    noon, one = "2024-05-01T12:00:00", "2024-05-01T13:00:00"
    shop.add(sale(5), sale(3, noon), sale(9, noon))
    assert run(workspace).rows == 3
    # The very row of before once more, and one that has a smaller key than what landed.
    shop.add(sale(9, noon), sale(1, noon))
    assert run(workspace).rows == 2
    assert run(workspace).outcome == "nothing"
    shop.add(sale(2, noon), sale(0, one))
    assert run(workspace).rows == 2
    assert ids(workspace) == [0, 1, 2, 3, 5, 9, 9]


def test_a_row_that_comes_with_a_smaller_value_is_not_seen(tmp_path: Path, shop: Shop) -> None:
    workspace = shop_pipeline(tmp_path, since="id")
    shop.add(sale(7))
    run(workspace)
    shop.add(sale(6))
    assert run(workspace).outcome == "nothing"


@pytest.mark.parametrize("since", ["id", "at", None])
@pytest.mark.parametrize("when", ["begin", "object", "commit"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_it_goes_on_where_it_died(
    tmp_path: Path, shop: Shop, since: str | None, when: str, side: str
) -> None:
    shop.add(*map(sale, range(2500)))
    workspace = shop_pipeline(tmp_path, since=since)
    with dying_at(f"collect.{when}.{side}"), pytest.raises(Died):
        run(workspace, limit=1)
    # What was read and not told is read again, beside what came in between.
    shop.add(*map(sale, range(2500, 2600)))
    run(workspace, limit=1)
    assert ids(workspace) == list(range(2600))
    assert len(landed(workspace)) == 3


def test_without_a_column_only_what_is_new_lands(tmp_path: Path, shop: Shop) -> None:
    workspace = shop_pipeline(tmp_path)
    shop.add(*map(sale, range(2100)))
    assert run(workspace, limit=1).rows == 2100
    assert run(workspace).outcome == "nothing"
    shop.run("UPDATE sales SET colour = 'blue' WHERE id = 4")
    shop.run("DELETE FROM sales WHERE id = 7")
    shop.add(sale(2100), sale(8))
    assert run(workspace).rows == 3
    assert landed(workspace)[-1]["id"].to_pylist() == [4, 2100, 8]


def test_a_slip_that_is_mended_finds_the_old_place(tmp_path: Path, shop: Shop) -> None:
    shop.add(sale(1), sale(2))
    run(shop_pipeline(tmp_path, since="id"))
    for slip in ({"since": "idd"}, {"since": "id", "query": "SELECT id FROM sails"}):
        with pytest.raises(ConfigurationError):
            run(shop_pipeline(tmp_path, **slip))
    assert run(shop_pipeline(tmp_path, since="id")).outcome == "nothing"
    # Another query that can be asked is another source.
    assert run(shop_pipeline(tmp_path, since="at")).rows == 2


def test_the_same_rows_a_second_time_are_another_object(tmp_path: Path, shop: Shop) -> None:
    workspace = shop_pipeline(tmp_path)
    for _ in range(3):
        shop.add(sale(1))
        assert run(workspace).rows == 1
    bucket = workspace.bucket
    objects = {bucket.get(info.key) for info in bucket.list(workspace.layout.collected)}
    assert len(objects) == 3


def test_the_file_is_not_written_to(tmp_path: Path, shop: Shop) -> None:
    shop.run("PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(shop.path)) as writing:
        writing.execute("INSERT INTO sales VALUES (1, '2024-01-01', 1.5, 'red', 0)")
        writing.commit()
        before = shop.path.read_bytes()
        assert run(shop_pipeline(tmp_path / "ours", since="id")).rows == 1
        assert shop.path.read_bytes() == before


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("DELETE FROM sales", "it begins with SELECT or WITH"),
        ("SELECT 1; DELETE FROM sales", "it is one statement, and here are 2"),
        ("PRAGMA query_only = OFF", "it begins with SELECT or WITH"),
        ("-- SELECT\nDROP TABLE sales", "it begins with SELECT or WITH"),
    ],
)
def test_what_is_no_select_is_no_pipeline(tmp_path: Path, query: str, rule: str) -> None:
    content = shop_pipeline(tmp_path).pipeline.model_dump(mode="json")
    content["source"]["collect"]["query"] = query
    with pytest.raises(ConfigurationError, match=rule):
        check_pipeline(content, "toy")


@pytest.mark.parametrize(
    "query",
    [
        "WITH gone AS (SELECT 1) DELETE FROM sales",
        "WITH gone AS (SELECT 1) INSERT INTO sales SELECT 1, 2, 3, 4, 5",
        "SELECT 1) collected WHERE 0 UNION SELECT * FROM (SELECT 1",
    ],
)
def test_what_would_write_or_break_out_is_refused(tmp_path: Path, shop: Shop, query: str) -> None:
    shop.add(sale(1))
    with pytest.raises(ConfigurationError) as refused:
        run(shop_pipeline(tmp_path, query=query, since="id"))
    assert "source.collect" in str(refused.value)
    assert len(shop.run("SELECT * FROM sales")) == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, ':since' AS colour FROM sales -- the semicolon; is the comment's",
        "SELECT id, '100%' AS colour FROM sales;",
        "WITH s AS (SELECT * FROM sales) SELECT id, colour FROM s /* ; */ ;",
    ],
)
def test_signs_of_a_query_are_its_own(tmp_path: Path, shop: Shop, query: str) -> None:
    shop.add(sale(1), sale(2))
    assert run(shop_pipeline(tmp_path, query=query, since="id")).rows == 2


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (
            {"since": "idd"},
            "source.collect.since: the query gives it: one of id, at, size, colour, high; "
            "got idd. Did you mean id?",
        ),
        (
            {"query": "SELECT id FROM sails"},
            "SHOP_DATABASE: the database takes the statement; got no such table: sails. "
            "Mend source.collect.query, or a right.",
        ),
        (
            {"since": "size"},
            "source.collect.since: every row has a value in size; got NULL. "
            "Leave such rows out in the query, or name another column.",
        ),
        (
            {"query": "SELECT id, x'00ff' AS photo FROM sales", "since": "photo"},
            "source.collect.since: photo holds numbers, dates, times or texts; got bytes. "
            "Name another column.",
        ),
        (
            {"url": {"env": "NO_SUCH"}},
            "environment: source.collect.url.env needs NO_SUCH; got nothing. "
            "Set it where the worker runs, before `perennial up`.",
        ),
    ],
)
def test_a_fault_is_told_in_a_sentence(
    tmp_path: Path, shop: Shop, section: dict[str, Any], told: str
) -> None:
    shop.add(sale(1), sale(5))
    with pytest.raises((ConfigurationError, DataError)) as refused:
        run(shop_pipeline(tmp_path, **section))
    assert str(refused.value) == told


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("sqlite:////nowhere/shop.sqlite", "it names the file of a SQLite database"),
        ("sqlite://", "it names the file of a SQLite database"),
        ("oracel://ann:s3cret@host/shop", "SQLAlchemy knows the database; got oracel"),
        ("mysql+pymysql://ann:s3cret@host/shop", "the database's driver is installed"),
        ("ann:s3cret@host", "it holds an address such as"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, told: str
) -> None:
    monkeypatch.setenv(VARIABLE, address)
    with pytest.raises(ConfigurationError, match=told) as refused:
        run(shop_pipeline(tmp_path))
    assert VARIABLE in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None or "s3cret" not in str(refused.value.__cause__)


def test_an_address_in_the_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    content = shop_pipeline(tmp_path).pipeline.model_dump(mode="json")
    for url in ("postgresql://ann:s3cret@host/shop", {"env": "postgresql://ann:s3cret@host"}):
        content["source"]["collect"]["url"] = url
        with pytest.raises(ConfigurationError, match="environment variable") as refused:
            check_pipeline(content, "toy")
        assert "s3cret" not in str(refused.value)


def test_a_locked_database_is_waited_for(tmp_path: Path, shop: Shop) -> None:
    shop.add(sale(1))
    workspace = shop_pipeline(tmp_path, since="id", timeout="1s", retries=5)
    told: list[str] = []
    locked, waited = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(shop.path, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            locked.set()
            assert waited.wait(60)
            connection.execute("COMMIT")

    def say(line: str) -> None:
        told.append(line)
        waited.set()

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(60)
    done = run(workspace, say=say)
    holder.join()
    assert done.rows == 1
    assert "SQLITE_BUSY" in told[0]


def test_one_that_stays_locked_is_away(tmp_path: Path, shop: Shop) -> None:
    with closing(sqlite3.connect(shop.path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceUnavailable, match="SHOP_DATABASE: the database answers"):
            run(shop_pipeline(tmp_path, since="id", timeout="1s", retries=0))


def test_a_statement_that_takes_too_long_is_ended(tmp_path: Path, shop: Shop) -> None:
    numbers = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
    endless = f"{numbers} SELECT max(id) AS id FROM n"
    start = time.monotonic()
    with pytest.raises(ConfigurationError, match=r"a statement gives rows within 1 s"):
        run(shop_pipeline(tmp_path, query=endless, timeout="1s"))
    assert time.monotonic() - start < 30


def test_more_rows_with_one_value_than_are_remembered_are_told() -> None:
    seen = SeenRows((number,) for number in range(MOST + 1))
    with pytest.raises(DataError, match=r"at most 100,000 rows .*; got 100,001\. A finer one\."):
        seen.text("here", "A finer one.")
    assert seen.take((7,))
    again = SeenRows.read(seen.text("here", ""))
    assert [again.take((number,)) for number in (7, 8, 8)] == [False, True, False]


def test_a_long_table_is_not_read_whole(tmp_path: Path, shop: Shop) -> None:
    numbers = f"WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n LIMIT {MOST + 1})"
    workspace = shop_pipeline(tmp_path, query=f"{numbers} SELECT id FROM n")
    with pytest.raises(DataError, match=r"at most 100,000 rows; got 100,001\. Name a column under"):
        run(workspace)
    assert not landed(workspace)


DAY, NOON = date(2024, 1, 5), datetime(2024, 1, 5, 12)


@pytest.mark.parametrize(
    ("values", "whole"),
    [
        ([1, "x", None], ["1", "x", None]),
        ([2**70, None, 1.5], [float(2**70), None, 1.5]),
        ([2**63, 1], [Decimal(2**63), Decimal(1)]),
        ([1, Decimal("1.50")], [Decimal("1.00"), Decimal("1.50")]),
        # None may lose its time, or its zone.
        ([DAY, NOON], ["2024-01-05", "2024-01-05 12:00:00"]),
        ([NOON, NOON.replace(tzinfo=UTC)], ["2024-01-05 12:00:00", "2024-01-05 12:00:00+00:00"]),
    ],
)
def test_values_of_several_types_in_a_column_lose_nothing(
    values: list[Any], whole: list[Any]
) -> None:
    assert make_table(["a"], [(value,) for value in values])["a"].to_pylist() == whole


@pytest.mark.parametrize(
    ("first", "then", "whole"),
    [
        (1, 2.5, [1.0, 2.5]),
        (1, "x", ["1", "x"]),
        (DAY, NOON, ["2024-01-05", "2024-01-05 12:00:00"]),
        (Decimal("1.5"), Decimal("12345.125"), [Decimal("1.500"), Decimal("12345.125")]),
    ],
)
def test_blocks_of_several_types_lose_nothing(first: Any, then: Any, whole: list[Any]) -> None:
    joined = join_tables([make_table(["a"], [(first,)]), make_table(["a"], [(then,)])])
    assert joined["a"].to_pylist() == whole


def test_a_cursor_of_something_else_is_refused() -> None:
    with pytest.raises(DataError, match="it holds digests of rows"):
        SeenRows.read(Cursor.of(a=1).text)
