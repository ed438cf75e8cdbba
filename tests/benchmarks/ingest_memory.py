"""Peak resident memory of ingesting a large CSV file: examined, cleaned, appended to a table.

python -m tests.benchmarks.ingest_memory [--gib 10]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from tests.benchmarks.ingest_speed import CARRIERS, pipeline

BLOCK = 500_000
CHILD = "import sys; from tests.benchmarks.ingest_memory import measured; measured(*sys.argv[1:])"


def write_csv(path: Path, size: int) -> int:
    """Write at least `size` bytes with a unique text key in each row; return the rows."""
    random = np.random.default_rng(7)
    rows = 0
    with path.open("wb") as file:
        while file.tell() < size:
            block = pl.DataFrame(
                {
                    "id": pl.Series(np.arange(rows, rows + BLOCK)).cast(pl.String).str.zfill(12),
                    "at": pl.Series(
                        np.datetime64("2013-01-01T00:00:00", "us")
                        + random.integers(0, 365 * 86400, BLOCK).astype("timedelta64[s]")
                    ),
                    "carrier": random.choice(CARRIERS, BLOCK),
                    "origin": random.choice(["EWR", "JFK", "LGA"], BLOCK),
                    "distance": random.integers(50, 5000, BLOCK),
                    "temperature": np.round(random.normal(55, 20, BLOCK), 1),
                    "wind": random.gamma(2, 5, BLOCK),
                    "late": random.integers(0, 2, BLOCK),
                }
            )
            block.write_csv(file, include_header=rows == 0)
            rows += BLOCK
    return rows


def measured(path: str, work: str) -> None:
    """Examine and append in this process; print rows, seconds and the peak in megabytes."""
    from tasks.data.curated import append_batch
    from tasks.data.table import Table
    from tasks.validation.batch import Examiner
    from tasks.validation.contract import Agreed
    from tasks.validation.suite import find_suite

    started = time.perf_counter()
    said: Callable[[str], None] = lambda text: print(  # noqa: E731
        f"  {time.perf_counter() - started:6.1f} s {peak():6.0f} MB {text}", file=sys.stderr
    )
    with Path(path).open("rb") as file:
        batch = hashlib.file_digest(file, "sha256").hexdigest()
    declared = pipeline().model_copy(
        update={"data": pipeline().data.model_copy(update={"max_batch_gib": 1000.0})}
    )
    suite = find_suite(declared.suite)
    examiner = Examiner(declared, suite, Agreed(), Path(work), said)
    done = examiner.examine(Path(path), "a.csv", batch)
    assert done.rows is not None, done.report.reasons()
    said("appending")
    table = Table(str(Path(work) / "table"))
    append_batch(table, done.rows, batch, datetime.now(UTC), {}, after=-1)
    seconds = time.perf_counter() - started
    print(json.dumps({"rows": done.report.kept, "seconds": seconds, "peak": peak()}))


def peak() -> float:
    """Return this process's peak resident memory so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(gib: float, folder: Path) -> dict[str, float]:
    """Write a file of this size under `folder`, ingest it in a new process, return its figures."""
    path, work = folder / "rows.csv", folder / "work"
    work.mkdir()
    rows = write_csv(path, int(gib * 2**30))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(work)], stdout=subprocess.PIPE, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    assert found["rows"] == rows, found
    return found


def main() -> None:
    """Print rows, seconds and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="perennial-memory-") as folder:
        found = run(given.gib, Path(folder))
    print(
        f"{given.gib:g} GiB of CSV, {found['rows']:,} rows: {found['seconds']:.0f} s, "
        f"peak {found['peak']:,.0f} MB (less than 3,000)"
    )


if __name__ == "__main__":
    main()
