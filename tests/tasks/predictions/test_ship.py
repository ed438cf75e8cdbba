"""From many workers' files to the tables, each answer once, whoever dies."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tasks.faults import POINTS, VARIABLE
from tasks.predictions.backlog import DAMAGED, FILE, PLACE, Backlog
from tasks.predictions.record import Record, encoded, payload
from tasks.predictions.spool import Spool
from tasks.predictions.table import SCHEMA, predictions_table
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tests.forked import forking
from tests.servers import poll
from tests.tasks.predictions.log import TORN, answer, asked, said, worker
from tests.tasks.predictions.shipping import VISITS, landed, ship_once, shipping, spooled, waiting

WARM = ["tests.tasks.predictions.log", "tasks.predictions.ship", "deltalake", "polars"]


def test_two_workers_and_one_shipper_land_every_answer_once(
    settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    task = {"limits": {"seconds": 0.02}, "pipeline": "two-workers"}
    with (
        shipping(settings, log) as shipped,
        worker(log, "steadily", **task) as one,
        worker(log, "steadily", **task, first=10**6) as two,
    ):
        assert said(one)["added"] and said(two)["added"], "they log, and heed SIGTERM"
        poll(lambda: shipped.commits > 2, 60, "commits while the workers live")
        ends = []
        for process in (one, two):
            process.send_signal(signal.SIGTERM)
            told = said(process)
            while "dropped" not in told:
                told = said(process)
            assert (told["dropped"], told["waiting"], process.wait(30)) == (0, 0, 0)
            ends.append(told["added"])
    expected = [*range(ends[0]), *range(10**6, ends[1])]
    assert landed(settings, "two-workers") == expected
    assert (shipped.rows, shipped.failures, shipped.backlog_bytes) == (len(expected), 0, 0)
    assert waiting(log) == []
    assert predictions_table(open_bucket(settings), "two-workers").schema() == SCHEMA


def test_a_round_ends_while_answers_come(settings: Settings, tmp_path: Path) -> None:
    with worker(tmp_path / "log", "steadily", limits={"seconds": 0.001}) as process:
        assert said(process)["added"]
        assert ship_once(settings, tmp_path / "log").commits == 1


def test_a_killed_worker_costs_the_shipper_nothing(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with worker(log, "torn", bytes=TORN) as process:
        assert said(process) == {"written": 10}
        assert process.wait(60) == -signal.SIGXFSZ
    shipped = ship_once(settings, log)
    assert landed(settings, "flights") == list(range(10))
    assert (shipped.rows, shipped.torn_bytes) == (10, 0)
    assert waiting(log) == []


def die(settings: Settings, folder: Path, crash: str) -> None:
    """Run in a child process, which the crash point kills."""
    os.environ[VARIABLE] = crash
    ship_once(settings, folder)


@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith("log.")])
def test_a_killed_shipper_lands_nothing_twice(
    point: str, settings: Settings, tmp_path: Path
) -> None:
    log, marker = tmp_path / "log", tmp_path / "marker"
    name = f"killed-{point.replace('.', '-')}"
    for number in range(3):
        spooled(log, name, 20, first=20 * number)
    child = forking(*WARM).Process(target=die, args=(settings, log, f"{point}:{marker}"))
    child.start()
    child.join(120)
    assert marker.read_text() == point
    assert child.exitcode == -signal.SIGKILL
    assert bool(waiting(log)) == (point != "log.delete.after"), "it died before it was done"
    there = point.startswith("log.delete") or point == "log.append.after"
    assert len(landed(settings, name)) == (60 if there else 0)
    spooled(log, name, 5, first=60)
    shipped = ship_once(settings, log)
    assert landed(settings, name) == list(range(65))
    assert shipped.rows == (5 if there else 65)
    assert shipped.failures == 0
    assert waiting(log) == []


def test_what_the_pipeline_file_does_not_want_is_not_kept(
    settings: Settings, tmp_path: Path
) -> None:
    told = VISITS.replace("visits", "silent") + "serving: {log_predictions: false}\n"
    (settings.pipelines / "silent.yaml").write_text(told)
    spooled(tmp_path / "log", "silent", 3)
    shipped = ship_once(settings, tmp_path / "log")
    assert (shipped.rows, shipped.unwanted, shipped.failures) == (0, 3, 0)
    assert (landed(settings, "silent"), waiting(tmp_path / "log")) == ([], [])


def test_without_a_file_what_an_older_release_logged_is_not_kept(
    settings: Settings, tmp_path: Path
) -> None:
    """It did not ask the model whether its answers may be kept."""
    folder, record = tmp_path / "log", Record(3, "champion", 1.4e9, ["7"], [{"x": 1}], [1], None)
    with closing(Backlog(folder)) as backlog:
        older = payload([msgspec.msgpack.encode(record[:7])])
        backlog.put([("unknown", older), ("known", payload([encoded(record)]))])
    shipped = ship_once(settings, folder)
    assert (shipped.rows, shipped.unwanted, shipped.failures) == (1, 1, 0)
    assert (landed(settings, "unknown"), landed(settings, "known")) == ([], [7])
    assert waiting(folder) == []


def test_a_large_backlog_lands_in_bounded_pieces(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    spool = Spool(log, buffer_bytes=2**27)
    for number in range(500):
        answer(spool, number, "large", size=2**15)
    spool.close()
    assert spool.dropped == 0
    shipped = ship_once(settings, log)
    assert landed(settings, "large") == list(range(500))
    assert shipped.commits == 3  # 49 MB, at most 16 MiB in one


def without_room(settings: Settings, folder: Path) -> None:
    """Ship where no file may grow by a byte."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    shipped = ship_once(settings, folder)
    assert (shipped.rows, shipped.failures) == (0, 1)
    assert "disk" in shipped.error


def test_without_room_everything_waits_until_there_is(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    spooled(log, "alone", 30)
    child = forking(*WARM).Process(target=without_room, args=(settings, log))
    child.start()
    child.join(120)
    assert child.exitcode == 0
    shipped = ship_once(settings, log)
    assert landed(settings, "alone") == list(range(30))
    assert (shipped.commits, shipped.failures, waiting(log)) == (1, 0, [])


def test_a_damaged_log_stops_nothing(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    spooled(log, "damaged", 10)
    (log / PLACE / FILE).write_bytes(b"no database" * 1000)
    with shipping(settings, log) as shipped:
        poll(lambda: shipped.failures > 0, 60, "the failure")
        assert "not a database" in shipped.error
        spooled(log, "damaged", 10, first=10)
        poll(lambda: shipped.rows == 10, 60, "what came later")
    assert landed(settings, "damaged") == list(range(10, 20))
    assert shipped.torn_bytes == 11_000
    assert (log / DAMAGED / FILE).exists()


def test_records_that_cannot_be_read_are_counted(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    spooled(log, "unreadable", 3)
    spooled(log, "unreadable", 1, first=3)
    with closing(Backlog(log)) as backlog:
        backlog.put([("unreadable", b"what?")])
    asked(log, "UPDATE frames SET checksum = 0 WHERE number = 2")
    shipped = ship_once(settings, log)
    assert landed(settings, "unreadable") == [0, 1, 2]
    assert (shipped.unreadable, shipped.torn_bytes > 0, waiting(log)) == (1, True, [])


def test_a_second_shipper_waits_for_the_first(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with shipping(settings, log, every=60.0):
        poll((log / "shipper.lock").exists, 10, "the first shipper")
        spooled(log, "second", 3)
        assert ship_once(settings, log).rows == 0
        assert landed(settings, "second") == []
    assert landed(settings, "second") == [0, 1, 2]
