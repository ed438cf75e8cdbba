"""Spools, processes that fill them, and what they left on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.predictions.frames import unframed
from tasks.predictions.record import Record, decoded
from tasks.predictions.spool import Spool
from tests.servers import clean_environment


def answer(spool: Spool, number: int, pipeline: str = "flights", size: int = 1) -> None:
    """Log one answer that says its number."""
    row = {"flight_id": number, "origin": "JFK" * size}
    spool.add(pipeline, 3, "champion", 1.4e9 + number, [f"{number}"], [row], [1], [[0.25, 0.75]])


def records(folder: Path, pattern: str = "*/*.ready") -> list[Record]:
    """Return every record of the files, in the order of their names."""
    found: list[Record] = []
    for path in sorted(folder.glob(pattern)):
        for each in unframed(path.read_bytes()).payloads:
            read = decoded(each)
            assert read.unreadable == 0
            found += read.records
    return found


def numbers(folder: Path, pattern: str = "*/*.ready") -> list[int]:
    """Return the numbers of the answers."""
    return [int(id_) for record in records(folder, pattern) for id_ in record.ids]


@contextmanager
def worker(folder: Path, act: str, **task: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a worker that logs into `folder`."""
    whole = {"folder": str(folder), "worker": "w0", "act": act, **task}
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
