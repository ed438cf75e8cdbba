"""`perennial new` on a large CSV, and the way from `new` to the first answer over HTTP.

    python -m tests.benchmarks.new_speed [--rows 1_000_000] [--small 5_000]

The first is a process of its own, which has imported what it needs before the clock starts. The
second runs the commands as a person does, on a stack that is up; `--small 0` leaves it out.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import polars as pl

from deployments.local.ports import Ports
from tasks.settings import REPOSITORY
from tests.servers import any_free_offset, clean_environment

CHILD = "import sys; from tests.benchmarks.new_speed import measured; measured(*sys.argv[1:])"
PATIENCE = 300  # seconds
EVERY = 0.2


def write_trips(path: Path, rows: int) -> None:
    """Write a table as people have it: a key, a time, numbers with gaps, words, a target."""
    draw = np.random.default_rng(11)
    start = np.datetime64("2024-01-01T00:00:00", "us")
    picked_up = start + np.sort(draw.integers(0, 300 * 86400, rows)).astype("timedelta64[s]")
    distance, speed = draw.gamma(2, 3, rows), draw.normal(18, 4, rows).clip(5)
    zone = draw.choice(["north", "east", "south", "west"], rows)
    tip = 0.3 * distance + (zone == "north") + draw.normal(0, 1, rows) > 2.2
    pl.DataFrame(
        {
            "trip": pl.Series(np.arange(rows)).cast(pl.String).str.zfill(9),
            "picked_up": picked_up,
            "distance": distance.round(2),
            "speed": speed.round(1),
            "passengers": draw.integers(1, 7, rows),
            "zone": zone,
            "payment": draw.choice(["card", "cash"], rows),
            "fare": (3 + 2.1 * distance + draw.normal(0, 0.5, rows)).round(2),
            "tipped": np.where(tip, "yes", "no"),
        }
    ).with_columns(speed=pl.when(pl.col("passengers") != 6).then("speed")).write_csv(path)


def measured(data: str) -> None:
    """Draft a pipeline in this process, and print its seconds and peak megabytes."""
    import tests.tasks.ingestion.warm  # noqa: F401
    from deployments.cli.main import main

    began, spent = time.perf_counter(), time.process_time()
    try:
        main(["new", "trips", "--data", data, "--target", "tipped", "--json"])
    except SystemExit as ended:
        assert not ended.code
    seconds, used = time.perf_counter() - began, time.process_time() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": used, "peak": peak}), file=sys.stderr)


def here() -> dict[str, str]:
    """Return an environment that finds this tree."""
    return clean_environment({"PYTHONPATH": str(REPOSITORY)})


def perennial(*words: str, folder: Path, environment: dict[str, str]) -> None:
    """Run a command in a folder; it must end well."""
    code = "from deployments.cli.main import main; main()"
    command = [sys.executable, "-c", code, *words]
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)


def ask(port: int, row: dict[str, object]) -> bool:
    """Return whether the API answers for a row."""
    body = json.dumps({"rows": [row]}).encode()
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/trips/predict", body, timeout=5).read()
    except (urllib.error.URLError, OSError):
        return False
    return True


def until_answered(folder: Path, rows: int) -> dict[str, float]:
    """Return the seconds of each step from `new` to the first answer."""
    offset = any_free_offset()
    environment = here()

    def run(*words: str, where: Path) -> float:
        began = time.perf_counter()
        perennial(*words, folder=where, environment=environment)
        return time.perf_counter() - began

    run("init", "ours", where=folder)
    home, data = folder / "ours", folder / "trips.csv"
    write_trips(data, rows)
    first = pl.read_csv(data, n_rows=1, schema_overrides={"trip": pl.String}).drop("tipped")
    row = first.row(0, named=True)
    took: dict[str, float] = {}
    run("up", "--port-offset", str(offset), where=home)
    try:
        took["new"] = run("new", "trips", "--data", str(data), "--target", "tipped", where=home)
        took["apply"] = run("apply", where=home)
        took["ingest"] = run("ingest", "trips", str(data), where=home)
        began = time.perf_counter()
        while not ask(Ports.shifted(offset).serving, row):
            assert time.perf_counter() - began < PATIENCE
            time.sleep(EVERY)
        took["until answered"] = time.perf_counter() - began
    finally:
        run("down", where=home)
    return took


def main() -> None:
    """Print both beside their goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=lambda text: int(text.replace("_", "")), default=10**6)
    parser.add_argument("--small", type=lambda text: int(text.replace("_", "")), default=5000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pn-") as name:
        folder = Path(name).resolve()
        data = folder / "trips.csv"
        write_trips(data, asked.rows)
        (folder / "perennial.toml").write_text("")
        own = {**here(), "PERENNIAL_PROJECT": str(folder)}
        command = [sys.executable, "-c", CHILD, str(data)]
        done = subprocess.run(command, env=own, capture_output=True, text=True, check=True)
        found = json.loads(done.stderr.splitlines()[-1])
        size = data.stat().st_size / 1e6
        data.unlink()
        print(
            f"new on {asked.rows:,} rows ({size:.0f} MB): {found['seconds']:.1f} s "
            f"({found['cpu']:.1f} s of CPU), {found['peak']:.0f} MB; "
            "goal for 1,000,000: 10 s, 1,000 MB",
            flush=True,
        )
        if not asked.small:
            return
        took = until_answered(folder, asked.small)
    steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in took.items())
    print(
        f"new to answer on {asked.small:,} rows: {sum(took.values()):.1f} s ({steps}); goal: 90 s"
    )


if __name__ == "__main__":
    main()
