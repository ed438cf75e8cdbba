"""A Dask cluster as a team has one: a scheduler, and workers that are restarted when they die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.settings import REPOSITORY
from tests.servers import poll

PATIENCE = 120.0  # seconds


@dataclass(frozen=True)
class Cluster:
    """A running one; `engine` is what a pipeline file says of it."""

    engine: str
    scheduler: subprocess.Popen[bytes]


@contextmanager
def running_cluster(
    folder: Path, workers: int = 2, variables: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """Run a scheduler, and workers of one thread each, with further variables of theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    where = folder / "scheduler.json"
    host = ["--host", "127.0.0.1", "--no-dashboard"]
    port = ["--port", "0", "--scheduler-file", str(where), "--dashboard-address", "127.0.0.1:0"]
    each = ["--nworkers", str(workers), "--nthreads", "1", "--local-directory", str(folder)]
    with (folder / "log").open("wb") as log:

        def start(role: str, options: list[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", f"distributed.cli.dask_{role}", *host, *options]
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=dict(env))

        scheduler = start("scheduler", port, own)
        try:
            poll(
                lambda: where.exists() and where.read_text().endswith("}"), PATIENCE, "a scheduler"
            )
            url = json.loads(where.read_text())["address"]
            nannies = start("worker", [url, *each], {**own, **(variables or {})})
            try:
                yield Cluster(url.replace("tcp", "dask"), scheduler)
            finally:
                _end(nannies)
        finally:
            _end(scheduler)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
