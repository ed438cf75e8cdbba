"""A large object is read by one run at a time, while small ones come; the next takes over."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from tasks.faults import Died, dying_at
from tasks.ingestion.entrance import KINDS, Entrance, Kind, find_pending
from tasks.ingestion.landing import Landed
from tasks.ingestion.reading import Lease, find_unread
from tasks.ingestion.trouble import Troubled, try_landing
from tasks.store.bucket import ObjectInfo
from tasks.store.local import LocalBucket
from tasks.workspace import Workspace
from tests.tasks.ingestion.desk import bench
from tests.tasks.ingestion.landing import drop, label_file, opened
from tests.tasks.ingestion.scenes import csv
from tests.tasks.ingestion.stumbling import Meeting

LARGE = 1_000  # bytes, for these tests
LEASE = Lease(LARGE, seconds=30)


class Counting(LocalBucket):
    """A bucket that counts how often each object was read."""

    reads: ClassVar[Counter[str]] = Counter()

    def download(self, key: str, path: Path) -> ObjectInfo:
        self.reads[key.rpartition("/")[2]] += 1
        return super().download(key, path)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    Counting.reads.clear()
    chosen: Kind = request.param
    return chosen


def file(kind: Kind, rows: int) -> bytes:
    if kind == "rows":
        return csv(rows).encode()
    return label_file(*((f"v{number}", 1, number % 2) for number in range(rows)))


def tried(
    workspace: Workspace,
    key: str,
    kind: Kind,
    happens: Callable[[], object] = lambda: None,
    lease: Lease = LEASE,
) -> Landed | Troubled:
    return try_landing(Meeting(opened(workspace, kind), happens), key, lambda _: None, lease=lease)


def unread(workspace: Workspace, kind: Kind, lease: Lease = LEASE) -> list[str]:
    entrance = Entrance(kind, workspace.layout)
    pending = find_pending(workspace, entrance)
    found = find_unread(workspace.bucket, entrance, pending, lease)
    return [info.key.rpartition("/")[2] for info in found]


def test_of_many_runs_one_reads_a_large_object_and_small_ones_land_meanwhile(
    kind: Kind, tmp_path: Path
) -> None:
    workspace = bench(kind, tmp_path, Counting)
    large = drop(workspace, "large.csv", file(kind, 300), kind)
    small = [drop(workspace, f"{n}.csv", file(kind, 2 + n), kind) for n in range(3)]
    met, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        met.set()
        assert go_on.wait(30)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(tried, workspace, large, kind, wait)
        assert met.wait(30)
        assert unread(workspace, kind) == ["0.csv", "1.csv", "2.csv"]
        for _ in range(5):
            other = tried(workspace, large, kind)
            assert isinstance(other, Troubled)
            assert (other.elsewhere, other.tries) == (True, 0)
        landed = [tried(workspace, key, kind) for key in small]
        go_on.set()
        done = first.result()
    assert all(isinstance(one, Landed) for one in (done, *landed))
    assert Counting.reads["large.csv"] == 1
    after = tried(workspace, large, kind)
    assert isinstance(after, Landed)
    assert after.outcome == "already"
    assert Counting.reads["large.csv"] == 1
    assert not [info for info in workspace.bucket.list("") if "reading" in info.key]


def test_a_lease_is_renewed_while_its_run_lives_and_taken_over_once_it_died(
    kind: Kind, tmp_path: Path
) -> None:
    lease, workspace = Lease(LARGE, seconds=0.6), bench(kind, tmp_path, Counting)
    key = drop(workspace, "large.csv", file(kind, 300), kind)

    def outlast() -> None:
        for _ in range(8):
            time.sleep(0.2)
            assert unread(workspace, kind, lease) == []
        raise RuntimeError("an error of ours gives it back")

    failed = tried(workspace, key, kind, outlast, lease)
    assert isinstance(failed, Troubled)
    assert (failed.tries, failed.elsewhere) == (1, False)
    assert unread(workspace, kind, lease) == ["large.csv"]
    with dying_at(f"{Entrance(kind, workspace.layout).flow}.lease.after"), pytest.raises(Died):
        tried(workspace, key, kind, lease=lease)
    other = tried(workspace, key, kind, lease=lease)
    assert isinstance(other, Troubled)
    assert other.elsewhere
    until = time.monotonic() + 10
    while unread(workspace, kind, lease) == [] and time.monotonic() < until:
        time.sleep(0.05)
    assert isinstance(tried(workspace, key, kind, lease=lease), Landed)
    assert Counting.reads["large.csv"] == 2, "once for the error, once for what landed"


@pytest.mark.parametrize("text", ["{", "{}", '{"kind": "reading", "format": 99}'])
def test_a_lease_that_cannot_be_read_holds_nobody_up(text: str, tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path, Counting)
    key = drop(workspace, "large.csv", file("rows", 300))
    info = workspace.bucket.head(key)
    assert info is not None
    workspace.bucket.put(Entrance("rows", workspace.layout).reading(info), text.encode())
    assert unread(workspace, "rows") == ["large.csv"]
    assert isinstance(tried(workspace, key, "rows"), Landed)
