"""How soon ingest follows an object, how long a decision takes, and the demonstration as a whole.

    python -m tests.benchmarks.loop_speed [--objects 9]

Runs the demonstration in a home of its own; then puts small objects one after the other, and reads
from Prefect when the first line of each ingest run was written. Beside it stands what a worker
without the imports would add: a plain process that imports the same flow. A decision stands when
the drift report, which follows it in the same run, begins.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployments.local import connection
from deployments.local import stack as local
from deployments.prefect_api import open_client
from tasks.settings import Settings
from tasks.store.s3 import S3Bucket
from tests.servers import any_free_offset, clean_environment, poll

IMPORTS = "import prefect.engine, flows.ingestion, tasks.ingestion.rows"


def demonstration(home: Path) -> tuple[float, dict[str, Any]]:
    """Run the demonstration, and return its seconds and what it printed."""
    command = [str(Path(sys.executable).with_name("perennial")), "demo", "--json"]
    environment = clean_environment({"PERENNIAL_HOME": str(home)})
    start = time.monotonic()
    done = subprocess.run(
        [*command, "--port-offset", str(any_free_offset())],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return time.monotonic() - start, json.loads(done.stdout)


def runs(settings: Settings, flow: str, since: datetime | None = None) -> list[dict[str, Any]]:
    """Return the runs of a flow, the newest first."""
    asked: dict[str, Any] = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC"}
    if since is not None:
        asked["flow_runs"] = {"start_time": {"after_": since.isoformat()}}
    with open_client(settings) as client:
        found: list[dict[str, Any]] = client.request("POST", "/flow_runs/filter", json=asked).json()
    return found


def moment(text: str) -> datetime:
    """Read a time as Prefect writes it."""
    return datetime.fromisoformat(text)


def decided_after(settings: Settings, run: dict[str, Any]) -> float:
    """Return the seconds from the start of a run of monitor to its decision."""
    asked = {"flow_runs": {"id": {"any_": [run["id"]]}}}
    with open_client(settings) as client:
        tasks = client.request("POST", "/task_runs/filter", json=asked).json()
    reports = [task["start_time"] for task in tasks if task["name"].startswith("report on")]
    (ended,) = reports or [run["end_time"]]
    return (moment(ended) - moment(run["start_time"])).total_seconds()


def first_line(settings: Settings, run: str) -> datetime:
    """Return when a run wrote its first line."""
    asked = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC", "limit": 1}
    lines: list[dict[str, Any]] = []

    def written() -> bool:
        with open_client(settings) as client:
            lines[:] = client.request("POST", "/logs/filter", json=asked).json()
        return bool(lines)

    poll(written, 30, "the first line")
    return moment(lines[0]["timestamp"])


def delay(settings: Settings, number: int) -> float:
    """Put an object of one row, and return the seconds until ingest's first line."""
    put = datetime.now(UTC)
    S3Bucket(settings).put(f"flights/incoming/one-{number}.csv", b"flight_id\n%d" % number)
    poll(lambda: bool(runs(settings, "ingest", put)), 60, "the run of ingest")
    (run, *_) = runs(settings, "ingest", put)
    seconds = (first_line(settings, run["id"]) - put).total_seconds()
    poll(lambda: bool(runs(settings, "ingest", put)[0]["end_time"]), 60, "the end of ingest")
    return seconds


def imported() -> float:
    """Return the seconds that a new process takes for the imports of ingest."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.monotonic() - start


def main() -> None:
    """Print each figure beside its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=9)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pn-") as folder:
        home = Path(folder).resolve()
        try:
            whole, said = demonstration(home)
            os.environ.update(connection.environment(home))
            settings = Settings.from_environment()
            monitored = [
                run for run in runs(settings, "monitor") if run["state_type"] == "COMPLETED"
            ]
            decisions = [decided_after(settings, run) for run in monitored]
            delays = [delay(settings, number) for number in range(asked.objects)]
        finally:
            local.down(home, lambda _: None)
    cold, median = imported(), statistics.median(delays)
    times = [run["total_run_time"] for run in monitored]
    rows = statistics.median(month["rows"] for month in said["months"])
    print(
        f"object put to the first line of ingest: median {median:.2f} s (goal 2), "
        f"{min(delays):.2f} to {max(delays):.2f}; the imports alone {cold:.1f} s, "
        f"{cold / median:.1f} times that\n"
        f"the decision on about {rows:,.0f} rows: median {statistics.median(decisions):.2f} s "
        f"(goal 3), with the report {statistics.median(times):.2f} s\n"
        f"the demonstration: {whole:.0f} s (goal 480), {said['retrainings']} retrainings, "
        f"mean live {said['metric']} {said['mean_live']:.4f}, static {said['mean_static']:.4f}"
    )


if __name__ == "__main__":
    main()
