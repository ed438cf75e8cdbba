"""From many workers' files to the tables, each answer once, whoever dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tasks.faults import POINTS, VARIABLE
from tasks.predictions.spool import Spool
from tasks.predictions.table import SCHEMA, predictions_table
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tests.forked import forking
from tests.servers import poll
from tests.tasks.predictions.log import answer, said, worker
from tests.tasks.predictions.shipping import VISITS, files, landed, ship_once, shipping, spooled

pytestmark = pytest.mark.system
WARM = ["tests.tasks.predictions.log", "tasks.predictions.ship", "deltalake", "polars"]


def test_two_workers_and_one_shipper_land_every_answer_once(
    settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    task = {"limits": {"segment_seconds": 0.2, "seconds": 0.02}, "pipeline": "two-workers"}
    with (
        shipping(settings, log) as shipped,
        worker(log, "steadily", **task) as one,
        worker(log, "steadily", **task, worker="w1", first=10**6) as two,
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
    assert files(log) == []
    assert predictions_table(open_bucket(settings), "two-workers").schema() == SCHEMA


def test_a_killed_worker_costs_the_shipper_nothing(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with worker(log, "torn", bytes=20_000) as process:
        assert said(process) == {"written": 10}
        assert process.wait(60) == -signal.SIGXFSZ
    shipped = ship_once(settings, log)
    assert landed(settings, "flights") == list(range(10))
    assert shipped.rows == 10
    assert 0 < shipped.torn_bytes < 20_000
    assert files(log) == []


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
        spooled(log, name, 20, first=20 * number, worker=f"w{number}")
    child = forking(*WARM).Process(target=die, args=(settings, log, f"{point}:{marker}"))
    child.start()
    child.join(120)
    assert marker.read_text() == point
    assert child.exitcode == -signal.SIGKILL
    assert files(log), "it died before it was done"
    there = point.startswith("log.delete") or point == "log.append.after"
    assert len(landed(settings, name)) == (60 if there else 0)
    spooled(log, name, 5, first=60, worker="w9")
    shipped = ship_once(settings, log)
    assert landed(settings, name) == list(range(65))
    assert shipped.rows == (5 if there else 65)
    assert shipped.failures == 0
    assert files(log) == []


def test_what_the_pipeline_file_does_not_want_is_not_kept(
    settings: Settings, tmp_path: Path
) -> None:
    told = VISITS.replace("visits", "silent") + "serving: {log_predictions: false}\n"
    (settings.pipelines / "silent.yaml").write_text(told)
    spooled(tmp_path / "log", "silent", 3)
    shipped = ship_once(settings, tmp_path / "log")
    assert (shipped.rows, shipped.unwanted, shipped.failures) == (0, 3, 0)
    assert (landed(settings, "silent"), files(tmp_path / "log")) == ([], [])


def test_a_large_backlog_lands_in_bounded_pieces(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    spool = Spool(log, "w0", segment_bytes=2**20, buffer_bytes=2**27)
    for number in range(500):
        answer(spool, number, "large", size=2**15)
    spool.close()
    assert spool.dropped == 0
    shipped = ship_once(settings, log)
    assert landed(settings, "large") == list(range(500))
    assert shipped.commits == 4  # 48 MB, at most 16 MiB in one


def test_without_room_for_a_folder_files_land_one_by_one(
    settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    for number in range(3):
        spooled(log, "alone", 10, first=10 * number)
    for path in (log / "alone").iterdir():
        # Too long for the name of a folder of several, and not for its own.
        path.rename(path.with_name(f"{path.stem:x<247}.ready"))
    shipped = ship_once(settings, log)
    assert landed(settings, "alone") == list(range(30))
    assert (shipped.commits, shipped.failures, files(log)) == (3, 0, [])
    assert list((log / "alone").iterdir()) == []


def test_a_second_shipper_waits_for_the_first(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with shipping(settings, log, every=60.0):
        poll((log / "shipper.lock").exists, 10, "the first shipper")
        spooled(log, "second", 3)
        assert ship_once(settings, log).rows == 0
        assert landed(settings, "second") == []
    assert landed(settings, "second") == [0, 1, 2]
