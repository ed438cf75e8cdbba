"""Spooling and shipping as the tests do it, and what it left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.predictions.backlog import PLACE
from tasks.predictions.ship import Shipped, ship_until
from tasks.predictions.spool import Spool
from tasks.predictions.table import predictions_table
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tests.tasks.predictions.log import answer, asked

VISITS = """
name: visits
task: binary
target: stays
event_time: at
key: [flight_id]
data: {personal: [origin]}
"""


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
    """Ship as a parent does that is told to stop at once."""
    stop = threading.Event()
    stop.set()
    return ship_until(stop, settings, folder, last=last)


def spooled(folder: Path, pipeline: str, count: int, first: int = 0) -> None:
    """Log these numbers, and close the log."""
    spool = Spool(folder)
    for number in range(first, first + count):
        answer(spool, number, pipeline)
    spool.close()


def landed(settings: Settings, pipeline: str) -> list[int]:
    """Return the numbers in the table, sorted."""
    table = predictions_table(open_bucket(settings), pipeline)
    return [] if table.version() is None else sorted(map(int, table.read(["id"])["id"].to_pylist()))


def waiting(folder: Path) -> list[str]:
    """Return the pipelines of which something waits, be it a row or a file."""
    chosen = asked(folder, "SELECT pipeline FROM frames UNION SELECT pipeline FROM parcels")
    left = {path.relative_to(folder).parts[0] for path in folder.glob("*/**/*") if path.is_file()}
    return sorted({name for (name,) in chosen} | left - {PLACE})
