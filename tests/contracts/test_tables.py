"""What every bucket promises of its tables: exactly once, races, time travel."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tasks.data.columns import FileRows
from tasks.data.commits import Appended
from tasks.data.compaction import plan_compaction
from tasks.data.table import Table, table_in
from tasks.data.upkeep import compact_files, list_unneeded, remove_unneeded
from tasks.errors import AccessDenied, DataError, PreconditionFailed, StoreError, StoreUnavailable
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tasks.store.local import LocalBucket
from tests.buckets import at_once
from tests.servers import clean_environment, poll

CASES = ["local", pytest.param("s3", marks=pytest.mark.system)]


@pytest.fixture(params=CASES)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Table:
    if request.param == "local":
        return table_in(LocalBucket(tmp_path / "bucket"), "flights/curated")
    settings: Settings = request.getfixturevalue("s3").settings
    return table_in(open_bucket(settings), f"table-tests/{uuid.uuid4().hex}")


def rows(count: int = 5, name: str = "a") -> pa.Table:
    return pa.table({"n": list(range(count)), "name": [name] * count})


def twin(table: Table) -> Table:
    return Table(table.uri, dict(table.options))


def writers(table: Table, folder: Path, tasks: list[dict[str, Any]]) -> list[Any]:
    """Run one process a task, all let go at once; return what each said, or its exit status."""
    processes = []
    for number, task in enumerate(tasks):
        whole = {"uri": table.uri, "options": dict(table.options), "die": None}
        whole |= {"rows": 4000, "transaction": "t", "ready": str(folder / f"ready{number}"), **task}
        command = [sys.executable, "-m", "tests.tasks.data.writer", json.dumps(whole)]
        processes.append(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=clean_environment({}),
            )
        )
    ready = [folder / f"ready{number}" for number in range(len(tasks))]
    poll(lambda: all(path.exists() for path in ready), 60, "the writers are ready")
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0] for process in processes]
    for path in ready:
        path.unlink()
    return [
        json.loads(text) if text else one.returncode
        for text, one in zip(said, processes, strict=True)
    ]


def test_before_the_first_append_there_is_nothing(table: Table) -> None:
    assert table.version() is None
    assert table.schema() is None
    assert table.has("t") is None
    assert table.history() == ()
    with pytest.raises(DataError, match="there is a table"):
        table.read()


def test_appended_rows_are_read(table: Table) -> None:
    first = table.append(rows(3, "a"), "one", {"object": "a.csv"})
    second = table.append(rows(2, "b"), "two", {})
    assert (first.landed, second.landed) == (True, True)
    assert second.version == first.version + 1 == table.version()
    assert sorted(table.read().column("name").to_pylist()) == ["a"] * 3 + ["b"] * 2
    assert table.read(version=first.version).column("name").to_pylist() == ["a"] * 3
    assert (table.has("one"), table.has("two")) == (first.version, second.version)
    assert table.scan().collect().height == 5
    assert table.scan(version=first.version).collect().height == 3


def test_the_same_transaction_lands_once(table: Table) -> None:
    landed = table.append(rows(), "one", {})
    table.append(rows(), "two", {})
    assert table.append(rows(), "one", {}) == replace(landed, landed=False)
    assert table.append(pa.table({"other": [1]}), "one", {}).landed is False
    assert table.read().num_rows == 10


def test_a_batch_without_rows_is_remembered_too(table: Table) -> None:
    table.append(rows(), "one", {})
    assert table.append(rows(0).cast(rows().schema), "two", {}).landed
    assert not table.append(rows(), "two", {}).landed
    assert table.read().num_rows == 5


def test_the_history_says_who_wrote_what(table: Table) -> None:
    table.append(rows(3), "one", {"object": "a.csv"})
    table.append(rows(4), "two", {"object": "b.csv"})
    first, one, two = table.history()
    assert (first.version, first.transaction, first.rows) == (0, None, 0)
    assert (one.version, one.transaction, one.rows) == (1, "one", 3)
    assert (two.version, two.transaction, two.metadata) == (2, "two", {"object": "b.csv"})
    assert abs(datetime.now(UTC) - two.at) < timedelta(minutes=5)


def test_racing_makers_with_the_same_columns_all_land(table: Table) -> None:
    told = at_once(8, lambda n: twin(table).append(rows(3, f"{n % 4}"), f"{n % 4}", {}))
    assert sorted(one.version for one in told if one.landed) == [1, 2, 3, 4]
    assert table.read().num_rows == 12
    for number, one in enumerate(told):
        assert one.version == table.has(f"{number % 4}")


def test_of_racing_makers_with_other_columns_one_kind_lands(table: Table) -> None:
    kinds = [rows(3), pa.table({"other": [1.5]})]
    told = at_once(6, lambda n: twin(table).append(kinds[n % 2], f"{n}", {}))
    landed = {n % 2 for n, one in enumerate(told) if isinstance(one, Appended)}
    assert len(landed) == 1
    won = kinds[landed.pop()]
    assert table.schema() == won.schema
    assert table.read().num_rows == 3 * won.num_rows
    assert sum(isinstance(one, DataError) for one in told) == 3


def test_sixteen_writers_at_once_all_land(table: Table) -> None:
    told = at_once(16, lambda n: twin(table).append(rows(100, f"{n}"), f"{n}", {}))
    assert all(one.landed for one in told)
    assert sorted(one.version for one in told) == list(range(1, 17))
    counts = table.read().group_by("name").aggregate([("n", "count")])
    assert sorted(counts.column("name").to_pylist()) == sorted(f"{n}" for n in range(16))
    assert set(counts.column("n_count").to_pylist()) == {100}
    assert [one.transaction for one in table.history()[1:]] == [
        f"{told.index(one)}" for one in sorted(told, key=lambda one: one.version)
    ]


def test_two_processes_with_one_transaction_land_it_once(table: Table, tmp_path: Path) -> None:
    said = writers(table, tmp_path, [{}, {}])
    assert sorted(one["landed"] for one in said) == [False, True]
    assert len({one["version"] for one in said}) == 1
    assert sorted(table.read().column("n").to_pylist()) == list(range(4000))


def test_a_writer_that_was_killed_is_run_again(table: Table, tmp_path: Path) -> None:
    assert writers(table, tmp_path, [{"die": "within"}]) == [-signal.SIGKILL]
    assert table.has("t") is None
    assert writers(table, tmp_path, [{"die": "after"}]) == [-signal.SIGKILL]
    assert table.has("t") == 1
    assert writers(table, tmp_path, [{}]) == [{"version": 1, "landed": False}]
    assert sorted(table.read().column("n").to_pylist()) == list(range(4000))


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (pa.table({"n": [1]}), "name is missing"),
        (pa.table({"n": [1], "name": ["a"], "more": [1]}), "more is new"),
        (pa.table({"n": ["1"], "name": ["a"]}), "n is string, not int64"),
        (pa.table({"n": [1.0], "name": ["a"]}), "n is double, not int64"),
        (pa.table({"N": [1], "name": ["a"]}), "n is missing; N is new"),
    ],
)
def test_rows_with_other_columns_are_refused(tmp_path: Path, other: pa.Table, told: str) -> None:
    table = Table(str(tmp_path / "table"))
    table.append(rows(), "one", {})
    with pytest.raises(DataError, match=told):
        table.append(other, "two", {})
    assert (table.version(), table.has("two"), table.schema()) == (1, None, rows().schema)


def test_columns_in_another_order_are_aligned(tmp_path: Path) -> None:
    table = Table(str(tmp_path / "table"))
    table.append(rows(1, "a"), "one", {})
    table.append(pa.table({"name": ["b"], "n": [7]}), "two", {})
    assert table.schema() == rows().schema
    assert table.read(where=pl.col("name") == "b").to_pylist() == [{"n": 7, "name": "b"}]


def test_a_fault_in_the_stream_leaves_nothing(table: Table) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from rows(10).to_batches()
        raise DataError("row 11", "it can be read", "nonsense")

    with pytest.raises(DataError, match="row 11"):
        table.append(pa.RecordBatchReader.from_batches(rows().schema, broken()), "one", {})
    assert table.has("one") is None
    assert table.append(rows(), "one", {}).landed
    assert table.read().num_rows == 5


@pytest.mark.parametrize("filed", [True, False], ids=["file", "table"])
def test_a_value_beyond_its_type_leaves_nothing(table: Table, tmp_path: Path, filed: bool) -> None:
    table.append(pa.table({"n": [1]}), "one", {})
    beyond = pa.table({"n": pa.array([2**64 - 1], pa.uint64())})
    pq.write_table(beyond, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="18446744073709551615 not in range"):
        table.append(FileRows(tmp_path / "rows.parquet") if filed else beyond, "two", {})
    assert (table.has("two"), table.read().num_rows) == (None, 1)


def test_times_keep_one_rule(table: Table) -> None:
    noon = datetime(2013, 1, 1, 12, 0, 0, 123456)
    came = pa.table(
        {
            "wall": pa.array([noon], pa.timestamp("ms")).cast(pa.timestamp("ns")),
            "instant": pa.array([noon], pa.timestamp("us", "America/New_York")),
            "day": pa.array([noon.date()], pa.date64()),
        }
    )
    table.append(came, "one", {})
    schema = table.schema()
    assert schema is not None
    assert schema.types == [pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.date32()]
    (row,) = table.read().to_pylist()
    assert row["wall"] == noon.replace(microsecond=123000)
    assert row["instant"] == noon.replace(tzinfo=UTC)
    assert row["day"] == noon.date()
    bound = noon.replace(tzinfo=UTC)
    assert table.read(where=pl.col("instant") >= bound).num_rows == 1
    assert table.read(where=pl.col("instant") > bound).num_rows == 0


def test_an_old_version_is_read_as_it_was_also_after_a_checkpoint(tmp_path: Path) -> None:
    table = Table(str(tmp_path / "table"))
    for number in range(6):
        table.append(rows(2, f"{number}"), f"{number}", {})
    before = [table.read(version=version).sort_by("name") for version in range(7)]
    DeltaTable(table.uri).create_checkpoint()
    for number in range(6, 9):
        table.append(rows(2, f"{number}"), f"{number}", {})
    after = [table.read(version=version).sort_by("name") for version in range(7)]
    assert after == before
    assert sorted(set(before[3].column("name").to_pylist())) == ["0", "1", "2"]
    assert [table.has(f"{number}") for number in range(9)] == list(range(1, 10))
    assert [one.version for one in table.history()] == list(range(10))
    assert not table.append(rows(), "3", {}).landed


def test_rows_that_were_judged_against_a_version_land_right_after_it(table: Table) -> None:
    told = at_once(4, lambda n: twin(table).append(rows(2), f"{n}", {}, after=-1))
    assert sorted(isinstance(one, Appended) for one in told) == [False, False, False, True]
    assert {type(one) for one in told} == {Appended, PreconditionFailed}
    with pytest.raises(PreconditionFailed, match="no commit came after version 0; got 1"):
        table.append(rows(), "late", {}, after=0)
    assert table.append(rows(3), "next", {}, after=1) == Appended(2, landed=True)
    assert table.append(rows(3), "next", {}, after=1) == Appended(2, landed=False)
    assert table.read().num_rows == 5


def test_upkeep_changes_no_row_of_any_version_that_is_kept(table: Table) -> None:
    for number in range(10):
        table.append(rows(number + 1), f"{number}", {"batch": f"{number}"})
    before = [table.read(version=version).num_rows for version in range(11)]
    plan = plan_compaction("t", table.files(), 2**27)
    assert len(plan.files) == 10
    assert compact_files(table, 2**27) == 9
    assert len(table.files()) == 1
    # a version of the data is the one before: the same files are those of the new one
    assert (table.version(), table.data_version()) == (11, 10)
    assert [table.read(version=version).num_rows for version in range(11)] == before
    assert len(table.files(10)) == 10
    assert table.append(rows(), "next", {}, after=10) == Appended(12, landed=True)
    assert table.append(rows(), "3", {}) == Appended(4, landed=False)
    # version 5 is pinned, of version 8 the very files are; the tenth has the rows of the eleventh
    now = timedelta(0)
    assert list_unneeded(table, {5, 10}, {8}, timedelta(days=7)) == ()
    gone = list_unneeded(table, {5, 10}, {8}, now)
    assert len(gone) == 2
    assert remove_unneeded(table, {5, 10}, {8}, now) == 2
    assert [table.read(version=version).num_rows for version in (5, 10)] == [before[5], before[10]]
    assert len(table.files(8)) == 8
    assert table.data_version() == 12
    assert table.append(rows(), "last", {}, after=12).landed
    assert [commit.transaction for commit in table.history() if not commit.upkeep][-1] == "last"


def test_appends_and_a_removal_that_race_a_compaction_all_land(table: Table) -> None:
    for number in range(8):
        table.append(rows().append_column("b", pa.array(["x"] * 5)), f"{number}", {})
    out = pa.table({"n": [1], "name": ["a"], "b": ["out"]})
    table.append(out, "out", {})

    def act(number: int) -> None:
        if number == 0:
            compact_files(twin(table), 2**27)
        elif number == 1:
            twin(table).remove("b", "out", {})
        else:
            twin(table).append(rows().append_column("b", pa.array(["x"] * 5)), f"r{number}", {})

    at_once(6, act)
    assert table.read().num_rows == 12 * 5
    assert table.has("r3") is not None


@pytest.mark.parametrize("version", [-1, 2, 1000])
def test_a_version_that_is_none_is_told(tmp_path: Path, version: int) -> None:
    table = Table(str(tmp_path / "table"))
    table.append(rows(), "one", {})
    with pytest.raises(DataError, match="a version is 0 to 1"):
        table.read(version=version)


def test_a_column_that_is_none_is_told(tmp_path: Path) -> None:
    table = Table(str(tmp_path / "table"))
    table.append(rows(), "one", {})
    with pytest.raises(DataError, match="the columns are of n, name; got nmae"):
        table.read(["nmae"])


def test_a_store_that_is_down_is_told_with_its_address() -> None:
    table = table_in(open_bucket(Settings("http://127.0.0.1:1", "key", "a-secret", "signing")), "t")
    for act in (table.version, table.read, lambda: table.append(rows(), "one", {})):
        with pytest.raises(StoreUnavailable, match=r"http://127.0.0.1:1. Run `perennial status`"):
            act()


def test_secrets_are_not_shown() -> None:
    table = table_in(
        open_bucket(Settings("http://127.0.0.1:1", "the-key", "a-secret", "signing")), "t"
    )
    assert "a-secret" not in repr(table)
    assert "the-key" not in f"{table}"


@pytest.mark.system
def test_a_wrong_secret_and_a_missing_bucket_are_told(s3: Any) -> None:
    with pytest.raises(AccessDenied, match="AWS_SECRET_ACCESS_KEY") as told:
        table_in(open_bucket(replace(s3.settings, secret_key="wrong-secret")), "t").version()
    assert "wrong-secret" not in str(told.value)
    with pytest.raises(StoreError, match="the bucket exists"):
        table_in(open_bucket(replace(s3.settings, bucket="no-such-bucket")), "t").append(
            rows(), "one", {}
        )
