"""Rows of a query against a real PostgreSQL server: types, a reading transaction, lost lines."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks.collection.open import open_collector
from tasks.errors import ConfigurationError, PerennialError, SourceUnavailable
from tasks.workspace import Workspace
from tests.tasks.collection import postgres
from tests.tasks.collection.scenes import collecting, run
from tests.tasks.collection.test_sql import VARIABLE, ids, landed

BINARIES = postgres.find_binaries()
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(BINARIES is None, reason="PostgreSQL is not installed"),
]
TABLE = """
CREATE TABLE sales (
    id bigint, price numeric(12, 3), at timestamptz, local timestamp, day date, open bool,
    code text, empty text, ratio float8, tags text[], more jsonb, key uuid
)
"""
FILL = """
INSERT INTO sales SELECT
    n, n + 0.125, '2024-01-01 00:00:00.123456+02'::timestamptz + n * interval '1 second',
    '2024-01-01 00:00:00', '2024-01-01', n % 2 = 0, lpad(n::text, 5, '0'), NULL, n / 3.0,
    ARRAY['a', 'b'], '{"a": 1}', md5(n::text)::uuid
FROM generate_series({start}, {end}) n
"""


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    assert BINARIES is not None
    with postgres.serving(BINARIES) as running:
        yield running


@pytest.fixture
def sales(
    server: postgres.Postgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[postgres.Postgres]:
    monkeypatch.setenv(VARIABLE, server.address)
    server.run(TABLE)
    yield server
    server.run("DROP TABLE sales")


def fill(server: postgres.Postgres, start: int, end: int) -> None:
    server.run(FILL.replace("{start}", str(start)).replace("{end}", str(end)))


def sales_pipeline(folder: Path, **section: Any) -> Workspace:
    told = {"url": {"env": VARIABLE}, "query": "SELECT * FROM sales", **section}
    return collecting(folder, kind="sql", **told)


def test_values_keep_their_types(tmp_path: Path, sales: postgres.Postgres) -> None:
    fill(sales, 1, 3)
    workspace = sales_pipeline(tmp_path, since="at")
    assert run(workspace).rows == 3
    table = landed(workspace)[0]
    assert {field.name: str(field.type) for field in table.schema} == {
        "id": "int64",
        "price": "decimal128(4, 3)",
        "at": "timestamp[us, tz=UTC]",
        "local": "timestamp[us]",
        "day": "date32[day]",
        "open": "bool",
        "code": "string",
        "empty": "null",
        "ratio": "double",
        "tags": "string",
        "more": "string",
        "key": "string",
    }
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["price"], first["code"]) == (Decimal("1.125"), "00001")
    assert first["at"].isoformat() == "2023-12-31T22:00:01.123456+00:00"
    assert run(workspace).outcome == "nothing"


@pytest.mark.parametrize("since", ["id", "at", "local", "day", "price", "code", "ratio"])
def test_it_goes_on_from_a_value_of_any_type(
    tmp_path: Path, sales: postgres.Postgres, since: str
) -> None:
    workspace = sales_pipeline(tmp_path, since=since)
    fill(sales, 1, 1500)
    assert run(workspace, limit=1).rows == 1500
    fill(sales, 1501, 1600)
    assert run(workspace).rows == 100
    assert run(workspace).outcome == "nothing"
    assert ids(workspace) == list(range(1, 1601))


def test_a_whole_number_of_64_bits_goes_on(tmp_path: Path, sales: postgres.Postgres) -> None:
    workspace = sales_pipeline(tmp_path, since="id")
    for first in (2**40, 2**62):
        sales.run(f"INSERT INTO sales (id) VALUES ({first}), ({first + 1})")
        assert run(workspace).rows == 2


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, write_down(id) FROM sales",
        "WITH gone AS (DELETE FROM sales RETURNING id) SELECT * FROM gone",
        "SELECT * FROM sales FOR UPDATE",
        "SELECT * INTO copy FROM sales",
        "SELECT nextval('counter') AS id",
    ],
)
def test_nothing_can_be_written(tmp_path: Path, sales: postgres.Postgres, query: str) -> None:
    fill(sales, 1, 3)
    write = "INSERT INTO sales (id) VALUES (99) RETURNING 1::bigint"
    sales.run(
        "CREATE SEQUENCE IF NOT EXISTS counter",
        f"CREATE OR REPLACE FUNCTION write_down(bigint) RETURNS bigint LANGUAGE sql AS '{write}'",
    )
    with pytest.raises(ConfigurationError, match="the database takes the statement"):
        run(sales_pipeline(tmp_path, query=query))
    assert sales.run("SELECT count(*) FROM sales") == [(3,)]


def test_a_picture_of_one_moment_is_read(tmp_path: Path, sales: postgres.Postgres) -> None:
    fill(sales, 1, 2500)
    workspace = sales_pipeline(tmp_path)
    pages = open_collector(workspace, lambda _: None, 1).pages(None)
    came = [next(pages)]
    sales.run("UPDATE sales SET id = id + 5000")
    came += pages
    numbers = [n for page in came for n in read_ids(page.data)]
    assert sorted(numbers) == list(range(1, 2501))


def test_a_lost_line_is_taken_up_again(tmp_path: Path, sales: postgres.Postgres) -> None:
    fill(sales, 1, 5500)
    told: list[str] = []
    for since in ("id", None):
        workspace = sales_pipeline(tmp_path / str(since), since=since)
        pages = open_collector(workspace, told.append, 1).pages(None)
        numbers = read_ids(next(pages).data)
        ended = sales.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND query LIKE '%collected%'"
        )
        assert ended == [(True,)]
        numbers += [n for page in pages for n in read_ids(page.data)]
        assert sorted(numbers) == list(range(1, 5501))
    assert len(told) == 2
    assert all(line.startswith(f"{VARIABLE}: the database answers") for line in told)


def test_a_statement_that_takes_too_long_is_ended(tmp_path: Path, sales: postgres.Postgres) -> None:
    slow = "SELECT 1 AS id, pg_sleep(30)::text AS slept"
    with pytest.raises(ConfigurationError, match="a statement gives rows within 1 s"):
        run(sales_pipeline(tmp_path, query=slow, timeout="1s"))
    assert sales.run(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)::%'"
    ) == [
        (1,)  # this one's own
    ]


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        (("s3cret", "s3kret"), ConfigurationError, "password authentication failed for user"),
        (("/postgres", "/nowhere"), ConfigurationError, 'database "nowhere" does not exist'),
        (("127.0.0.1:PORT", "127.0.0.1:FREE"), SourceUnavailable, "ConnectionRefusedError"),
    ],
)
def test_who_is_not_let_in_is_told_so_without_the_secret(
    tmp_path: Path,
    server: postgres.Postgres,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    kind: type[PerennialError],
    told: str,
) -> None:
    old, new = (
        part.replace("PORT", str(server.port)).replace("FREE", str(postgres.free_port()))
        for part in change
    )
    monkeypatch.setenv(VARIABLE, server.address.replace(old, new))
    lines: list[str] = []
    workspace = sales_pipeline(tmp_path, retries=1)
    with pytest.raises(kind, match=told) as refused:
        run(workspace, say=lines.append)
    assert ".." not in str(refused.value)
    for text in (str(refused.value), repr(refused.value.__cause__), *lines):
        assert "of ann" not in text


def test_columns_with_one_name_are_told(tmp_path: Path, sales: postgres.Postgres) -> None:
    fill(sales, 1, 1)
    with pytest.raises(ConfigurationError) as refused:
        run(sales_pipeline(tmp_path, query="SELECT id, day AS id FROM sales"))
    assert str(refused.value) == (
        "source.collect.query: each column has a name of its own; got id twice. "
        "Name them in the query: SELECT … AS …."
    )


def test_a_fault_of_a_value_shows_no_value(tmp_path: Path, sales: postgres.Postgres) -> None:
    fill(sales, 1, 3)
    query = "SELECT ('person' || id)::int AS id FROM sales"
    with pytest.raises(ConfigurationError, match="22P02") as refused:
        run(sales_pipeline(tmp_path, query=query))
    assert "person" not in str(refused.value)


def read_ids(data: Any) -> list[int]:
    return pa.parquet.read_table(pa.BufferReader(data))["id"].to_pylist() if data else []
