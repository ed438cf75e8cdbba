"""Objects that fail by themselves: told, counted, set aside; those behind them go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.errors import DataError, IntegrityError, StoreError, StoreUnavailable
from tasks.ingestion.entrance import KINDS, Entrance, Kind, find_pending
from tasks.ingestion.landing import Landed
from tasks.ingestion.trouble import Troubled, Troubles, describe, find_troubles, try_landing
from tasks.store.bucket import ObjectInfo
from tasks.store.local import LocalBucket
from tasks.workspace import Workspace
from tests.tasks.ingestion.desk import bench
from tests.tasks.ingestion.landing import drop, label_file, opened, state
from tests.tasks.ingestion.scenes import csv
from tests.tasks.ingestion.stumbling import Meeting, stumbling


class Worn(LocalBucket):
    """A bucket that gives back other bytes of one object, and no answer for another."""

    def download(self, key: str, path: Path) -> ObjectInfo:
        if key.endswith("rotten.csv"):
            raise IntegrityError(key, "the bytes are those of entity tag ab12", "cd34")
        if key.endswith("away.csv"):
            raise StoreUnavailable(self.where, "the store answers in time", "no answer")
        return super().download(key, path)


def file(kind: Kind) -> bytes:
    return csv(5).encode() if kind == "rows" else label_file(("v1", 1, 1))


def tried(workspace: Workspace, key: str, kind: Kind, *, fails: bool = False) -> Landed | Troubled:
    landing = opened(workspace, kind)
    return try_landing(stumbling(landing) if fails else landing, key, lambda _: None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_fails_three_times_is_set_aside_with_its_bytes(
    kind: Kind, tmp_path: Path
) -> None:
    workspace = bench(kind, tmp_path, Worn)
    entrance = Entrance(kind, workspace.layout)
    key = drop(workspace, "a.csv", file(kind), kind)
    for number in (1, 2):
        failed = tried(workspace, key, kind, fails=True)
        assert isinstance(failed, Troubled)
        assert (failed.key, failed.tries) == (key, number)
        assert [info.key for info in find_pending(workspace, entrance)] == [key]
        assert find_troubles(workspace, entrance) == Troubles(waiting=1, set_aside=0)
    done = tried(workspace, key, kind, fails=True)
    assert isinstance(done, Landed)
    assert done.stands == "quarantined"
    (reason,) = done.reasons
    assert "could not be read: RuntimeError" in reason
    assert find_pending(workspace, entrance) == ()
    assert find_troubles(workspace, entrance) == Troubles(waiting=0, set_aside=1)
    folder = entrance.quarantine(done.batch)
    assert workspace.bucket.get(f"{folder}a.csv") == file(kind)
    told = workspace.bucket.get(f"{folder}report.json")
    assert json.loads(told)["reasons"] == [reason]
    kept = [workspace.bucket.get(key) for key in state(workspace).objects if "incoming" not in key]
    assert not any(b"Ann" in data for data in kept if data != file(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_lands_after_all_is_in_no_trouble(kind: Kind, tmp_path: Path) -> None:
    workspace = bench(kind, tmp_path, Worn)
    key = drop(workspace, "a.csv", file(kind), kind)
    tried(workspace, key, kind, fails=True)
    done = tried(workspace, key, kind)
    assert isinstance(done, Landed)
    assert done.outcome == "accepted"
    assert find_troubles(workspace, Entrance(kind, workspace.layout)) == Troubles(0, 0)


def test_bytes_that_cannot_be_had_stay_where_they_came(tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path, Worn)
    key = drop(workspace, "rotten.csv", csv(5))
    for _ in range(2):
        assert isinstance(tried(workspace, key, "rows"), Troubled)
    done = tried(workspace, key, "rows")
    assert isinstance(done, Landed)
    assert "the bytes are those of entity tag ab12" in done.reasons[0]
    assert state(workspace).under("quarantine/") == (f"{done.batch}/report.json",)
    entrance = Entrance("rows", workspace.layout)
    assert find_pending(workspace, entrance) == ()
    assert find_troubles(workspace, entrance) == Troubles(waiting=0, set_aside=1)


@pytest.mark.parametrize("name", ["a\nb.csv", "a\x7f\x01.csv", "caf\udce9\n.csv"])
def test_a_key_that_can_be_none_is_set_aside_at_once(name: str, tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path, Worn)
    good = drop(workspace, "good.csv", csv(5))
    key = workspace.layout.incoming + name
    assert isinstance(workspace.bucket, LocalBucket)
    (workspace.bucket.folder / key).write_bytes(csv(7).encode())
    entrance = Entrance("rows", workspace.layout)
    assert {info.key for info in find_pending(workspace, entrance)} == {good, key}
    done = tried(workspace, key, "rows")
    assert isinstance(done, Landed)
    assert done.reasons == ("object key: A key has no control characters. Rename the object.",)
    assert [info.key for info in find_pending(workspace, entrance)] == [good]
    assert find_troubles(workspace, entrance) == Troubles(waiting=0, set_aside=1)
    assert tried(workspace, f"{key}.gone", "rows") == Troubled(f"{key}.gone", 0, "It is gone.")


def test_what_is_no_objects_fault_counts_against_none(tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path, Worn)
    away = drop(workspace, "away.csv", csv(5))
    with pytest.raises(StoreUnavailable):
        tried(workspace, away, "rows")
    gone = tried(workspace, f"{away}.gone", "rows")
    assert isinstance(gone, Troubled)
    assert (gone.tries, "the object exists" in gone.reason) == (0, True)
    good = drop(workspace, "good.csv", csv(5))
    assert isinstance(tried(workspace, good, "rows"), Landed)
    assert isinstance(workspace.bucket, LocalBucket)
    log = workspace.bucket.folder / workspace.layout.curated / "_delta_log"
    for commit in log.glob("*.json"):
        commit.write_text("{")
    other = drop(workspace, "other.csv", csv(6))
    with pytest.raises(StoreError):
        tried(workspace, other, "rows")
    assert find_troubles(workspace, Entrance("rows", workspace.layout)) == Troubles(0, 0)


class Forgetful(Meeting):
    """A landing that fails whenever the batch is there already."""

    def recall(self, batch: str, version: int) -> Landed:
        raise RuntimeError(batch)


def test_rows_that_landed_are_never_set_aside(tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path, Worn)
    key = drop(workspace, "a.csv", csv(5))
    tried(workspace, key, "rows")
    landing = Forgetful(opened(workspace, "rows"), lambda: None)
    for number in range(1, 5):
        failed = try_landing(landing, key, lambda _: None)
        assert isinstance(failed, Troubled)
        assert failed.tries == min(number, 3)
    assert "It landed, and then: It could not be read: RuntimeError" in failed.reason
    assert len(state(workspace).rows) == 5
    assert state(workspace).under("quarantine/") == ()


def test_an_error_is_described_without_what_may_be_a_value() -> None:
    assert describe(DataError("column", "every row fits", "Ann", "Ask Ann.")) == (
        "DataError: every row fits"
    )
    with pytest.raises(UnicodeDecodeError) as raised:
        b"Ann\xc3".decode()
    assert describe(raised.value) == "UnicodeDecodeError: unexpected end of data"
    workspace_error = describe(KeyError("Ann"))
    assert workspace_error == "KeyError"
