"""An ingest that is cancelled, or has no room: nothing is left of it, and the next run lands."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.errors import StoreFull
from tasks.faults import WAIT
from tasks.ingestion.entrance import Entrance
from tasks.ingestion.landing import Landed
from tasks.ingestion.trouble import Troubles, find_troubles, try_landing
from tasks.store.scratch import scratch
from tests.forked import forking
from tests.servers import poll
from tests.tasks.ingestion.desk import bench
from tests.tasks.ingestion.landing import drop, opened, state
from tests.tasks.ingestion.scenes import csv

WARM = ["tests.tasks.ingestion.warm", "tests.tasks.ingestion.test_cut_short"]
POINT = "ingest.append.before"


def ingest(folder: Path, key: str, marker: str = "") -> object:
    """Take one object in; with a marker, wait there right before its rows land."""
    if marker:
        os.environ[WAIT] = f"{POINT}:{marker}"
    return try_landing(opened(bench("rows", folder), "rows"), key, lambda _: None)


def written(folder: Path) -> list[str]:
    """Return the files of an unfinished write, wherever they lie."""
    parts = [path for path in folder.rglob("*") if path.is_file() and ".part" in path.name]
    scratch = (folder / "home" / "scratch").glob("*/*")
    return sorted(str(path.relative_to(folder)) for path in (*parts, *scratch))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["a person", "a server"])
def test_a_cancelled_ingest_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    workspace, marker = bench("rows", tmp_path), tmp_path / "waits"
    key = drop(workspace, "a.csv", csv(3_000))
    child = forking(*WARM).Process(target=ingest, args=(tmp_path, key, str(marker)))
    child.start()
    poll(marker.exists, 60, "the run to reach its write")
    assert written(tmp_path), "else there was nothing to leave"
    assert child.pid is not None
    os.kill(child.pid, how)
    child.join(30)
    assert child.exitcode not in {0, None}
    # SIGINT lets it tidy up; what a process left that was ended is nobody's, and goes with the next
    if how == signal.SIGINT:
        assert written(tmp_path) == []
    left = state(workspace)
    assert (left.rows, left.under("quarantine"), left.under("receipts")) == ((), (), ())
    assert (workspace.curated.version() or 0) == 0
    assert find_troubles(workspace, Entrance("rows", workspace.layout)) == Troubles(0, 0)
    done = ingest(tmp_path, key)
    assert isinstance(done, Landed)
    assert (done.stands, len(state(workspace).rows)) == ("accepted", 3_000)
    assert written(tmp_path) == []


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_bound_on_files_is_told_as_a_lack_of_room(tmp_path: Path) -> None:
    with (
        files_of_at_most(4_096),
        pytest.raises(StoreFull, match="has room"),
        scratch(tmp_path) as to,
    ):
        (to / "rows").write_bytes(bytes(9_999))
    assert not [*(tmp_path / "scratch").iterdir()]


@pytest.mark.parametrize("size", [8_192, 65_536])
def test_without_room_an_ingest_says_so_and_sets_nothing_aside(tmp_path: Path, size: int) -> None:
    workspace = bench("rows", tmp_path)
    key = drop(workspace, "a.csv", csv(3_000))
    for _ in range(4):
        # more often than a file that is at fault is tried
        with files_of_at_most(size), pytest.raises(StoreFull, match="room"):
            ingest(tmp_path, key)
    left = state(workspace)
    assert (left.rows, left.under("quarantine"), written(tmp_path)) == ((), (), [])
    assert workspace.bucket.head(key) is not None
    done = ingest(tmp_path, key)
    assert isinstance(done, Landed)
    assert (done.stands, len(state(workspace).rows)) == ("accepted", 3_000)
