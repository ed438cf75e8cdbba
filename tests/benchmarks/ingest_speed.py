"""Ingest of a large Parquet file against a bare Polars scan of the same counts plus the copy.

    python -m tests.benchmarks.ingest_speed [--rows 10_000_000] [--rounds 3]

Both download the object from a real store and end with its rows in a Delta table on it. Each
measured run is a process of its own, which has imported everything before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.config import Pipeline
from tasks.settings import Settings
from tasks.store.connect import open_bucket
from tasks.store.layout import Layout
from tasks.store.s3 import S3Bucket
from tasks.workspace import make_workspace
from tests.servers import running_s3

CARRIERS = ["AA", "B6", "DL", "EV", "UA", "WN"]
KEY = Layout("bench").incoming + "rows.parquet"
CHILD = "import sys; from tests.benchmarks.ingest_speed import measured; measured(*sys.argv[1:])"


def pipeline() -> Pipeline:
    """Return the pipeline that is ingested into."""
    return Pipeline.model_validate(
        {
            "name": "bench",
            "task": "binary",
            "target": "late",
            "event_time": "at",
            "key": ["id"],
            "data": {"suite": "tests.suites.bench"},
        }
    )


def write_rows(path: Path, rows: int) -> None:
    """Write the file: eight columns, unique text keys, some missing values."""
    random = np.random.default_rng(7)
    start = np.datetime64("2013-01-01T00:00:00", "us")
    at = start + np.sort(random.integers(0, 365 * 86400, rows)).astype("timedelta64[s]")
    pl.DataFrame(
        {
            "id": pl.Series(np.arange(rows)).cast(pl.String).str.zfill(10),
            "at": pl.Series(at).dt.replace_time_zone("UTC"),
            "carrier": random.choice(CARRIERS, rows),
            "origin": random.choice(["EWR", "JFK", "LGA"], rows),
            "distance": random.integers(50, 5000, rows),
            "temperature": np.round(random.normal(55, 20, rows), 1),
            "wind": random.gamma(2, 5, rows),
            "late": random.integers(0, 2, rows),
        }
    ).with_columns(
        wind=pl.when(pl.col("distance") % 10 > 0).then("wind"),
    ).write_parquet(path, row_group_size=1_000_000)


def bare(settings: Settings, folder: Path) -> None:
    """Download, count in one scan what the suite's expectations count, and copy the rows."""
    path = folder / "rows.parquet"
    S3Bucket(settings).download(KEY, path)
    col = pl.col
    rows = pl.scan_parquet(path)
    counts = rows.select(
        rows=pl.len(),
        id=col("id").null_count(),
        unique=col("id").n_unique(),
        at=col("at").null_count(),
        early=(col("at") < pl.datetime(2000, 1, 1, time_zone="UTC")).sum(),
        carrier=(~col("carrier").is_in(CARRIERS)).sum(),
        origin=(~col("origin").str.contains(r"^[A-Z]{3}$")).sum(),
        distance=(~col("distance").is_between(0, 10_000)).sum(),
        temperature=(~col("temperature").is_between(-80, 200)).sum(),
        wind=col("wind").null_count(),
        mean=col("wind").mean(),
        late=(~col("late").is_in([0, 1])).sum(),
    ).collect(engine="streaming")
    assert counts["unique"].item() == counts["rows"].item()
    from tasks.data.table import table_in

    table = table_in(open_bucket(settings), "bench/bare")
    rows.sink_delta(table.uri, storage_options=_polars_options(table.options))


def _polars_options(options: Any) -> dict[str, str]:
    return {name: text for name, text in options.items() if name.startswith("AWS_")}


def ours(settings: Settings, folder: Path) -> None:
    """Ingest the object."""
    from tasks.ingestion.land import land
    from tasks.ingestion.rows import open_rows

    home = replace(settings, home=folder)
    landed = land(open_rows(make_workspace(home, pipeline())), KEY, _timed)
    assert landed.outcome == "accepted", landed


def _timed(message: str) -> None:
    print(f"  {time.perf_counter():.2f} {message}", file=sys.stderr)


def measured(which: str, settings: str, folder: str) -> None:
    """Run one side in this process, and print its seconds and peak megabytes."""
    import tests.tasks.ingestion.warm  # noqa: F401

    values = json.loads(settings)
    run: Callable[[Settings, Path], None] = {"bare": bare, "ours": ours}[which]
    given = Settings(**{**values, "home": Path(values["home"]), "pipelines": Path()})
    start = time.perf_counter()
    run(given, Path(folder))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak}))


def emptied(settings: Settings) -> None:
    """Remove what a run left, so that the next one starts anew."""
    bucket = S3Bucket(settings)
    for info in list(bucket.list("bench/")):
        if info.key != KEY:
            bucket.delete(info.key)


def child(which: str, settings: Settings, folder: Path) -> dict[str, float]:
    """Run one side in a process of its own."""
    emptied(settings)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        said = json.dumps({name: str(value) for name, value in asdict(settings).items()})
        done = subprocess.run(
            [sys.executable, "-c", CHILD, which, said, work], stdout=subprocess.PIPE, check=True
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print medians, the ratio and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=lambda text: int(text.replace("_", "")), default=10**7)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pn-") as name:
        folder = Path(name)
        write_rows(folder / "rows.parquet", given.rows)
        with running_s3(folder / "s3") as server:
            S3Bucket(server.settings).upload(folder / "rows.parquet", KEY)
            (folder / "rows.parquet").unlink()
            runs = {
                which: [child(which, server.settings, folder) for _ in range(given.rounds)]
                for which in ("bare", "ours")
            }
    medians = {
        which: statistics.median(run["seconds"] for run in all_) for which, all_ in runs.items()
    }
    for which, all_ in runs.items():
        peak = max(run["peak"] for run in all_)
        print(f"{which:5} {medians[which]:7.2f} s  {peak:7.0f} MB")
    print(f"ratio {medians['ours'] / medians['bare']:.2f} (at most 3)")


if __name__ == "__main__":
    main()
