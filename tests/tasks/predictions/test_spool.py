"""The worker's side: nothing is lost that need not be, and nothing ever raises or waits."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigurationError
from tasks.predictions.parcel import adopt
from tasks.predictions.segment import Segment
from tasks.predictions.spool import Spool
from tests.servers import poll
from tests.tasks.predictions.log import answer, numbers, records, said, worker


def test_what_was_added_is_there_after_close(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w0", seconds=60)
    for number in range(500):
        answer(spool, number, pipeline="flights" if number % 2 else "prices")
    assert spool.waiting_bytes > 0
    spool.close()
    assert numbers(tmp_path, "flights/*.ready") == list(range(1, 500, 2))
    assert numbers(tmp_path, "prices/*.ready") == list(range(0, 500, 2))
    assert (spool.waiting_bytes, spool.dropped, spool.failures) == (0, 0, 0)
    record = records(tmp_path, "flights/*.ready")[0]
    assert (record.version, record.role, record.at) == (3, "champion", 1.4e9 + 1)


def test_answers_reach_the_disk_by_themselves_and_files_close_by_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w0", seconds=0.01, segment_seconds=0.05)
    answer(spool, 0)
    poll(lambda: numbers(tmp_path) == [0], 10, "a closed file")
    answer(spool, 1)
    poll(lambda: numbers(tmp_path) == [0, 1], 10, "another")
    spool.close()
    assert len(list(tmp_path.rglob("*.ready"))) == 2


def test_files_close_by_size_and_are_the_users_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "log", "w0", seconds=60, segment_bytes=2**20)
    for number in range(30):
        answer(spool, number, size=2**16)
    spool.close()
    files = sorted((tmp_path / "log").rglob("*.ready"))
    assert len(files) == 3
    assert max(path.stat().st_size for path in files) < 2 * 2**20 + 1000
    assert numbers(tmp_path / "log") == list(range(30))
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "log", *files)} == {0}


def test_over_the_buffers_limit_answers_are_dropped_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w0", seconds=60, buffer_bytes=10_000)
    for number in range(10):
        answer(spool, number, size=3000)  # 9 KB each: one fits, and wakes the writer
    assert 0 < spool.dropped < 10
    spool.close()
    assert len(numbers(tmp_path)) == 10 - spool.dropped


def test_over_the_folders_limit_answers_are_dropped_until_it_is_emptied(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w0", limit_bytes=20_000, seconds=0.01, segment_seconds=0.01)
    other = tmp_path / "prices" / "1.ready"
    other.parent.mkdir()
    other.write_bytes(bytes(30_000))

    def dropping() -> bool:
        before = spool.dropped
        answer(spool, 0)
        return spool.dropped > before

    poll(dropping, 10, "the full folder is noticed")
    other.unlink()
    poll(lambda: not dropping(), 10, "the emptied folder is noticed")
    spool.close()
    assert spool.failures == 0


def test_a_pipeline_that_is_not_shipped_leaves_room_for_the_others(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w0", limit_bytes=20_000, seconds=0.01)
    (tmp_path / "flights").mkdir()
    (tmp_path / "flights" / "1.ready").write_bytes(bytes(12_000))

    def dropping(pipeline: str) -> bool:
        before = spool.dropped
        answer(spool, 0, pipeline)
        return spool.dropped > before

    poll(lambda: dropping("flights"), 10, "the pipeline's half is full")
    assert not dropping("prices")
    spool.close()
    assert len(numbers(tmp_path, "prices/*.ready")) == 1


@pytest.mark.parametrize(
    ("told", "lost"),
    [
        ({"pipeline": "../etc"}, 2),
        ({"values": [1]}, 2),
        ({"ids": 7}, 1),
        ({"values": [object(), {1, 2}], "rows": None}, 2),
        ({"rows": [{"x": "y" * 17 * 2**20}, {}]}, 2),
    ],
    ids=["pipeline", "values", "ids", "rows", "size"],
)
def test_adding_never_raises_and_counts_what_it_cannot_keep(
    told: dict[str, Any], lost: int, tmp_path: Path
) -> None:
    spool = Spool(tmp_path, "w0")
    whole: dict[str, Any] = {"pipeline": "flights", "version": 1, "role": "champion", "at": 1.0}
    whole |= {"ids": ["a", "b"], "rows": [{}, {}], "values": [0, 1], "probabilities": None}
    spool.add(**{**whole, **told})
    assert spool.dropped == lost
    spool.add(**whole)
    spool.close()
    assert [record.ids for record in records(tmp_path)] == [["a", "b"]]
    spool.add(**whole)
    assert spool.dropped == lost + 2


def test_a_folder_that_cannot_be_made_is_told_and_forgiven(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file is in the way")
    spool = Spool(tmp_path / "log", "w0", seconds=0.01)
    answer(spool, 0)
    poll(lambda: spool.failures > 0, 10, "the failure")
    assert "NotADirectoryError" in spool.error or "FileExistsError" in spool.error
    (tmp_path / "log").unlink()
    poll(lambda: spool.waiting_bytes == 0, 10, "the write")
    spool.close()
    assert (numbers(tmp_path / "log"), spool.dropped) == ([0], 0)


def test_a_folder_that_never_comes_costs_no_more_than_its_answers(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file is in the way")
    spool = Spool(tmp_path / "log", "w0", seconds=0.01)
    for number in range(3):
        answer(spool, number)
    spool.close()
    assert (spool.dropped, spool.failures > 0) == (3, True)


def test_an_answer_waits_for_no_disk(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "flights")  # nobody reads it, and it is no folder
    spool = Spool(tmp_path, "w0", seconds=0.001)
    done = threading.Event()

    def act() -> None:
        for number in range(10_000):
            answer(spool, number)
        done.set()

    threading.Thread(target=act, daemon=True).start()
    assert done.wait(30)
    spool.close()


def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="worker"):
        Spool(tmp_path, "../w0")


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
    assert list(tmp_path.rglob("*.open")) == []


def test_a_killed_worker_loses_only_what_was_not_written(tmp_path: Path) -> None:
    with worker(tmp_path, "steadily") as process:
        told = [said(process) for _ in range(5)]
        assert told[-2:] == [{"written": 400}, {"added": 500}]
        process.kill()
        process.wait(30)
    assert list(tmp_path.rglob("*.open")), "it was killed while a file was open"
    found = numbers(tmp_path, "*/*.*")
    assert found == list(range(len(found)))
    assert len(found) >= 400
    assert adopt(tmp_path / "flights") == 1
    assert numbers(tmp_path) == found


def test_a_write_torn_by_death_leaves_what_came_before(tmp_path: Path) -> None:
    with worker(tmp_path, "torn", bytes=20_000) as process:
        assert said(process) == {"written": 10}
        assert process.wait(60) == -signal.SIGXFSZ
    (left,) = tmp_path.rglob("*.open")
    assert left.stat().st_size == 20_000, "the write was torn"
    assert adopt(tmp_path / "flights") == 1
    assert numbers(tmp_path) == list(range(10))


@pytest.mark.parametrize("until_dropped", [False, True])
def test_a_full_disk_costs_what_the_buffer_cannot_hold(tmp_path: Path, until_dropped: bool) -> None:
    limits = {"buffer_bytes": 2_000_000 if until_dropped else 2**28}
    full = {"bytes": 65_536, "size": 30_000, "until_dropped": until_dropped}
    with worker(tmp_path, "against_a_full_disk", limits=limits, **full) as process:
        held, last = said(process), said(process)
        assert process.wait(30) == 0
    assert "File too large" in held["error"]
    assert held["waiting"] > 0
    assert (held["dropped"] > 0) == until_dropped
    assert last["dropped"] == held["dropped"]
    found = numbers(tmp_path)
    assert len(found) == len(set(found)) == last["added"] - last["dropped"]
    assert found == sorted(found)
    assert found[-1] == last["added"] - 1, "it went on once there was room"


def test_a_living_workers_file_is_not_taken(tmp_path: Path) -> None:
    place = tmp_path / "flights"
    segment = Segment(place, "w0")
    assert adopt(place) == 0
    assert segment.path.exists()
    segment.write(b"x", 1)
    segment.close()
    assert [path.suffix for path in place.iterdir()] == [".ready"]


def test_an_empty_file_of_a_dead_worker_goes(tmp_path: Path) -> None:
    (tmp_path / "1-w0.open").touch()
    assert adopt(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []
