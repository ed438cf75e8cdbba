"""From many workers' files to the tables, each answer once, whatever dies or is down."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from tasks.faults import POINTS, VARIABLE
from tasks.predictions.ship import Shipped, ship_until
from tasks.predictions.spool import Spool
from tasks.predictions.table import SCHEMA, predictions_table
from tasks.settings import Settings
from tests.servers import S3, poll, running_s3
from tests.tasks.predictions.log import answer
from tests.tasks.predictions.test_spool import said, worker

pytestmark = pytest.mark.system
WARM = ["tests.tasks.predictions.log", "tasks.predictions.ship", "deltalake", "polars"]
VISITS = """
name: visits
task: binary
target: stays
event_time: at
key: [flight_id]
data: {personal: [origin]}
"""


@pytest.fixture
def settings(s3: S3, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Return a bucket's settings without pipeline files."""
    (tmp_path / "pipelines").mkdir()
    return replace(s3.settings, pipelines=tmp_path / "pipelines", home=tmp_path)


@contextmanager
def shipping(settings: Settings, folder: Path, every: float = 0.1) -> Iterator[Shipped]:
    """Ship in a thread, as the parent of the workers does."""
    stop, shipped = threading.Event(), Shipped()
    told = {"shipped": shipped, "every": every}
    thread = threading.Thread(target=ship_until, args=(stop, settings, folder), kwargs=told)
    thread.start()
    try:
        yield shipped
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def ship_once(settings: Settings, folder: Path, last: float = 20.0) -> Shipped:
    stop = threading.Event()
    stop.set()
    return ship_until(stop, settings, folder, last=last)


def spooled(folder: Path, pipeline: str, count: int, first: int = 0, worker: str = "w0") -> None:
    spool = Spool(folder, worker)
    for number in range(first, first + count):
        answer(spool, number, pipeline)
    spool.close()


def landed(settings: Settings, pipeline: str) -> list[int]:
    """Return the numbers in the table, sorted."""
    table = predictions_table(settings, pipeline)
    return [] if table.version() is None else sorted(map(int, table.read(["id"])["id"].to_pylist()))


def files(folder: Path) -> list[str]:
    """Return the log's files, without the shipper's lock."""
    return sorted(
        path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"
    )


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
    assert predictions_table(settings, "two-workers").schema() == SCHEMA


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
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    child = context.Process(target=die, args=(settings, log, f"{point}:{marker}"))
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


def test_a_store_that_is_down_is_waited_for(tmp_path: Path, short_home: Path) -> None:
    log, home = tmp_path / "log", short_home / "down"
    with running_s3(home) as s3:
        settings = replace(s3.settings, pipelines=tmp_path)
        spooled(log, "flights", 10)
        assert ship_once(settings, log).rows == 10
    spooled(log, "flights", 10, first=10)
    with shipping(settings, log) as shipped:
        poll(lambda: shipped.failures > 1, 60, "two failures")
        assert "the store answers in time" in shipped.error
        assert shipped.rows == 0
        assert shipped.backlog_bytes > 0
        spooled(log, "flights", 10, first=20, worker="w1")
        with running_s3(home, again=s3):
            poll(lambda: shipped.rows == 20, 90, "the rows, once the store is back")
            assert landed(settings, "flights") == list(range(30))
    assert files(log) == []


@pytest.mark.parametrize("how", ["gone", "hung"])
def test_stopping_is_bounded_while_the_store_is(how: str, tmp_path: Path, short_home: Path) -> None:
    log, names = tmp_path / "log", [f"p{number}" for number in range(20)]
    for name in names:
        spooled(log, name, 1)
    home = short_home / how
    with running_s3(home) as s3:
        settings = replace(s3.settings, pipelines=tmp_path)
        processes = [one for one in psutil.Process().children() if str(home) in str(one.cmdline())]
        assert processes, "the store is found"
        for process in processes:
            process.kill() if how == "gone" else process.suspend()
        start = time.monotonic()
        shipped = ship_once(settings, log)
        assert time.monotonic() - start < 30, "one request is waited for, not one a pipeline"
        assert shipped.failures == 1
        assert "the store answers in time" in shipped.error
        assert sum(name.endswith(".ready") for name in files(log)) == len(names)
        for process in processes if how == "hung" else ():
            process.resume()
    with running_s3(home, again=s3):
        assert ship_once(settings, log, last=120).rows == len(names)
    assert files(log) == []


def test_a_pipeline_that_cannot_be_shipped_holds_no_other_back(
    settings: Settings, tmp_path: Path
) -> None:
    log, broken = tmp_path / "log", settings.pipelines / "broken-visits.yaml"
    broken.write_text("name: broken-visits\ndata: {personal: [origin\n")
    (settings.pipelines / "visits.yaml").write_text(VISITS)
    spooled(log, "broken-visits", 3)
    spooled(log, "visits", 4)
    with shipping(settings, log) as shipped:
        poll(lambda: shipped.rows == 4, 60, "the other pipeline")
        poll(lambda: shipped.failures > 1, 60, "two failures")
        assert "broken-visits.yaml" in shipped.error
        assert landed(settings, "broken-visits") == []
        broken.write_text(VISITS.replace("visits", "broken-visits"))
        poll(lambda: shipped.rows == 7, 60, "the mended pipeline")
    table = predictions_table(settings, "broken-visits").read(["key", "features"])
    keys = Counter(table["key"].to_pylist())
    assert keys == Counter({f'{{"flight_id":{number}}}': 1 for number in range(3)})
    assert "JFK" not in str(table.to_pylist())


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


def test_a_table_of_other_columns_keeps_the_answers_waiting(
    settings: Settings, tmp_path: Path
) -> None:
    predictions_table(settings, "odd").append(pa.table({"n": [1]}), "t", {})
    spooled(tmp_path / "log", "odd", 3)
    shipped = ship_once(settings, tmp_path / "log")
    assert (shipped.rows, shipped.failures) == (0, 1)
    assert "the rows have the table's columns" in shipped.error
    assert len(files(tmp_path / "log")) == 1
