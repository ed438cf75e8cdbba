"""What cannot be shipped waits in the folder, and holds nothing else up."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from tasks.predictions.table import predictions_table
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tests.servers import poll, running_s3
from tests.tasks.predictions.shipping import VISITS, landed, ship_once, shipping, spooled, waiting


@pytest.mark.system
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
        spooled(log, "flights", 10, first=20)
        with running_s3(home, again=s3):
            poll(lambda: shipped.rows == 20, 90, "the rows, once the store is back")
            assert landed(settings, "flights") == list(range(30))
    assert waiting(log) == []


@pytest.mark.system
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
        assert len(waiting(log)) == len(names)
        for process in processes if how == "hung" else ():
            process.resume()
    with running_s3(home, again=s3), shipping(settings, log) as again:
        poll(lambda: again.rows == len(names), 120, "what stayed, at the next start")
    assert waiting(log) == []


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
    table = predictions_table(open_bucket(settings), "broken-visits").read(["key", "features"])
    keys = Counter(table["key"].to_pylist())
    assert keys == Counter({f'{{"flight_id":{number}}}': 1 for number in range(3)})
    assert "JFK" not in str(table.to_pylist())


def test_a_table_of_other_columns_keeps_the_answers_waiting(
    settings: Settings, tmp_path: Path
) -> None:
    predictions_table(open_bucket(settings), "odd").append(pa.table({"n": [1]}), "t", {})
    spooled(tmp_path / "log", "odd", 3)
    shipped = ship_once(settings, tmp_path / "log")
    assert (shipped.rows, shipped.failures) == (0, 1)
    assert "the rows have the table's columns" in shipped.error
    assert waiting(tmp_path / "log") == ["odd"]
