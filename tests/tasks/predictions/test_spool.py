"""The worker's side: nothing is lost that need not be, and nothing ever raises or waits."""

from __future__ import annotations

import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasks.predictions.backlog import FILE, PLACE, Backlog
from tasks.predictions.record import Record
from tasks.predictions.spool import FRAME, Spool
from tests.servers import poll
from tests.tasks.predictions.log import TORN, answer, numbers, payloads, records, said, worker


def test_what_was_added_is_there_after_close(tmp_path: Path) -> None:
    spool = Spool(tmp_path, seconds=60)
    for number in range(500):
        answer(spool, number, pipeline="flights" if number % 2 else "prices")
    assert spool.waiting_bytes > 0
    spool.close()
    assert numbers(tmp_path, "flights") == list(range(1, 500, 2))
    assert numbers(tmp_path, "prices") == list(range(0, 500, 2))
    assert (spool.waiting_bytes, spool.dropped, spool.failures) == (0, 0, 0)
    record = records(tmp_path, "flights")[0]
    assert (record.version, record.role, record.at) == (3, "champion", 1.4e9 + 1)


def test_answers_reach_the_disk_by_themselves(tmp_path: Path) -> None:
    spool = Spool(tmp_path, seconds=0.01)
    answer(spool, 0)
    poll(lambda: numbers(tmp_path) == [0], 10, "the first")
    answer(spool, 1)
    poll(lambda: numbers(tmp_path) == [0, 1], 10, "another")
    spool.close()


def test_what_is_written_at_once_is_bounded_and_the_users_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "log", seconds=60)
    for number in range(30):
        answer(spool, number, size=2**16)
    with closing(Backlog(tmp_path / "log")):
        spool.close()
        paths = [tmp_path / "log", *(tmp_path / "log").rglob("*")]
        assert {f"{FILE}{end}" for end in ("", "-wal", "-shm")} <= {path.name for path in paths}
        assert {path.stat().st_mode & 0o077 for path in paths} == {0}
    written = payloads(tmp_path / "log")
    assert len(written) == 6
    assert max(map(len, written)) < FRAME + 1000
    assert numbers(tmp_path / "log") == list(range(30))


def test_over_the_buffers_limit_answers_are_dropped_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, seconds=60, buffer_bytes=10_000)
    for number in range(10):
        answer(spool, number, size=3000)  # 9 KB each: one fits, and wakes the writer
    assert 0 < spool.dropped < 10
    spool.close()
    assert len(numbers(tmp_path)) == 10 - spool.dropped


def emptied(folder: Path) -> None:
    """Take away what waits, as the shipper does."""
    with closing(Backlog(folder)) as backlog:
        while chosen := list(backlog.parcels(2**20, backlog.newest())):
            for parcel in chosen:
                parcel.done()


def fill(folder: Path, pipeline: str, size: int) -> None:
    with closing(Backlog(folder)) as backlog:
        backlog.put([(pipeline, bytes(size))])


def test_over_the_limit_answers_are_dropped_until_there_is_room(tmp_path: Path) -> None:
    fill(tmp_path, "prices", 30_000)
    spool = Spool(tmp_path, limit_bytes=20_000, seconds=0.01)

    def dropping() -> bool:
        before = spool.dropped
        answer(spool, 0)
        return spool.dropped > before

    poll(dropping, 10, "the full backlog is noticed")
    emptied(tmp_path)
    poll(lambda: not dropping(), 10, "the emptied backlog is noticed")
    spool.close()
    assert spool.failures == 0


def test_a_pipeline_that_is_not_shipped_leaves_room_for_the_others(tmp_path: Path) -> None:
    fill(tmp_path, "flights", 12_000)
    spool = Spool(tmp_path, limit_bytes=20_000, seconds=0.01)

    def dropping(pipeline: str) -> bool:
        before = spool.dropped
        answer(spool, 0, pipeline)
        return spool.dropped > before

    poll(lambda: dropping("flights"), 10, "the pipeline's half is full")
    assert not dropping("prices")
    spool.close()
    assert len(numbers(tmp_path, "prices")) == 1


@pytest.mark.parametrize(
    ("pipeline", "told", "lost"),
    [
        ("../etc", {}, 2),
        ("flights", {"values": [1]}, 2),
        ("flights", {"ids": 7}, 1),
        ("flights", {"values": [object(), {1, 2}], "rows": None}, 2),
        ("flights", {"rows": [{"x": "y" * 17 * 2**20}, {}]}, 2),
    ],
    ids=["pipeline", "values", "ids", "rows", "size"],
)
def test_adding_never_raises_and_counts_what_it_cannot_keep(
    pipeline: str, told: dict[str, Any], lost: int, tmp_path: Path
) -> None:
    spool = Spool(tmp_path)
    whole = Record(1, "champion", 1.0, ["a", "b"], [{}, {}], [0, 1], None)
    spool.add(pipeline, whole._replace(**told))
    assert spool.dropped == lost
    spool.add("flights", whole)
    spool.close()
    assert [record.ids for record in records(tmp_path)] == [["a", "b"]]
    spool.add("flights", whole)
    assert spool.dropped == lost + 2


def test_a_folder_that_cannot_be_made_is_told_and_forgiven(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file is in the way")
    spool = Spool(tmp_path / "log", seconds=0.01)
    answer(spool, 0)
    poll(lambda: spool.failures > 0, 10, "the failure")
    assert "NotADirectoryError" in spool.error or "FileExistsError" in spool.error
    (tmp_path / "log").unlink()
    poll(lambda: spool.waiting_bytes == 0, 10, "the write")
    spool.close()
    assert (numbers(tmp_path / "log"), spool.dropped) == ([0], 0)


def test_a_folder_that_never_comes_costs_no_more_than_its_answers(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file is in the way")
    spool = Spool(tmp_path / "log", seconds=0.01)
    for number in range(3):
        answer(spool, number)
    spool.close()
    assert (spool.dropped, spool.failures > 0) == (3, True)


def test_an_answer_waits_for_no_disk(tmp_path: Path) -> None:
    Backlog(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / PLACE / FILE)) as other:
        other.execute("BEGIN IMMEDIATE")  # as long as it likes, nobody else writes
        spool = Spool(tmp_path, seconds=0.001)
        done = threading.Event()

        def act() -> None:
            for number in range(10_000):
                answer(spool, number)
            done.set()

        threading.Thread(target=act, daemon=True).start()
        assert done.wait(30)
        poll(lambda: "database is locked" in spool.error, 30, "the writer's patience ends")
        assert spool.waiting_bytes > 0
        other.rollback()
    spool.close()
    assert (numbers(tmp_path), spool.dropped) == (list(range(10_000)), 0)


def test_the_last_bytes_of_the_disk_are_left_to_the_shipper(tmp_path: Path) -> None:
    spool = Spool(tmp_path, seconds=0.01, reserve_bytes=2**60)
    answer(spool, 0)
    poll(lambda: spool.failures > 1, 10, "the failure")
    assert "bytes are free" in spool.error
    assert (numbers(tmp_path), spool.waiting_bytes > 0) == ([], True)
    spool.reserve_bytes = 0
    poll(lambda: spool.waiting_bytes == 0, 10, "the write")
    spool.close()
    assert (numbers(tmp_path), spool.dropped) == ([0], 0)


def test_a_database_that_was_taken_away_is_made_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, seconds=0.01)
    answer(spool, 0)
    poll(lambda: spool.waiting_bytes == 0, 10, "the write")
    (tmp_path / PLACE).rename(tmp_path / "elsewhere")
    answer(spool, 1)
    poll(lambda: spool.waiting_bytes == 0, 10, "another")
    spool.close()
    assert (numbers(tmp_path), spool.dropped) == ([1], 0)
    assert "FileNotFoundError" in spool.error


def test_sigterm_loses_nothing(tmp_path: Path) -> None:
    with worker(tmp_path, "steadily") as process:
        assert said(process)["added"] == 100
        process.send_signal(signal.SIGTERM)
        last = {"dropped": None}
        while last.get("dropped") is None:
            last = said(process)
        assert process.wait(30) == 0
    assert (last["dropped"], last["waiting"]) == (0, 0)
    assert numbers(tmp_path) == list(range(last["added"]))
    assert [path.name for path in (tmp_path / PLACE).iterdir()] == [FILE]


def test_a_killed_worker_loses_only_what_was_not_written(tmp_path: Path) -> None:
    with worker(tmp_path, "steadily") as process:
        told = [said(process) for _ in range(5)]
        assert told[-2:] == [{"written": 400}, {"added": 500}]
        process.kill()
        process.wait(30)
    assert (tmp_path / PLACE / f"{FILE}-wal").exists(), "it was killed while it had it open"
    found = numbers(tmp_path)
    assert found == list(range(len(found)))
    assert len(found) >= 400


def test_a_write_torn_by_death_leaves_what_came_before(tmp_path: Path) -> None:
    with worker(tmp_path, "torn", bytes=TORN) as process:
        assert said(process) == {"written": 10}
        assert process.wait(60) == -signal.SIGXFSZ
    assert (tmp_path / PLACE / f"{FILE}-wal").stat().st_size == TORN, "the write was torn"
    assert numbers(tmp_path) == list(range(10))


@pytest.mark.parametrize("until_dropped", [False, True])
def test_a_full_disk_costs_what_the_buffer_cannot_hold(tmp_path: Path, until_dropped: bool) -> None:
    limits = {"buffer_bytes": 2_000_000 if until_dropped else 2**28}
    full = {"bytes": 131_072, "size": 30_000, "until_dropped": until_dropped}
    with worker(tmp_path, "against_a_full_disk", limits=limits, **full) as process:
        held, last = said(process), said(process)
        assert process.wait(30) == 0
    assert "disk I/O error" in held["error"]
    assert held["waiting"] > 0
    assert (held["dropped"] > 0) == until_dropped
    assert last["dropped"] == held["dropped"]
    found = numbers(tmp_path)
    assert len(found) == len(set(found)) == last["added"] - last["dropped"]
    assert found == sorted(found)
    assert found[-1] == last["added"] - 1, "it went on once there was room"
