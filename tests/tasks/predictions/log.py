"""Spools, processes that fill them, and what they left in the backlog."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tasks.predictions.backlog import FILE, PLACE, Backlog
from tasks.predictions.record import Record, decoded
from tasks.predictions.spool import Spool
from tests.servers import clean_environment

# More than ten answers take of the write-ahead log, and less than the one that is to be torn.
TORN = 400_000


def answer(spool: Spool, number: int, pipeline: str = "flights", size: int = 1) -> None:
    """Log one answer that says its number."""
    row = {"flight_id": number, "origin": "JFK" * size}
    at, chances = 1.4e9 + number, [[0.25, 0.75]]
    spool.add(pipeline, Record(3, "champion", at, [f"{number}"], [row], [1], chances))


def asked(folder: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask the backlog of this folder, or change it."""
    Backlog(folder).close()
    with closing(sqlite3.connect(folder / PLACE / FILE)) as database, database:
        return database.execute(query, values).fetchall()


def payloads(folder: Path, pipeline: str = "%") -> list[bytes]:
    """Return what lies in the backlog of the pipelines like this, in the order it was written."""
    query = "SELECT payload FROM frames WHERE pipeline LIKE ? ORDER BY number"
    return [payload for (payload,) in asked(folder, query, pipeline)]


def records(folder: Path, pipeline: str = "%") -> list[Record]:
    """Return every record of it."""
    found: list[Record] = []
    for payload in payloads(folder, pipeline):
        read = decoded(payload)
        assert read.unreadable == 0
        found += read.records
    return found


def numbers(folder: Path, pipeline: str = "%") -> list[int]:
    """Return the numbers of the answers."""
    return [int(id_) for record in records(folder, pipeline) for id_ in record.ids]


@contextmanager
def worker(folder: Path, act: str, **task: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a worker that logs into `folder`."""
    whole = {"folder": str(folder), "act": act, **task}
    command = [sys.executable, "-m", "tests.tasks.predictions.writer", json.dumps(whole)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=clean_environment({})
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the next line that a worker says."""
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(process.stdout.readline())
    return told
