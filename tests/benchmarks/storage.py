"""A year of predictions, read for one month: as it was shipped, and compacted.

python -m tests.benchmarks.storage [ROWS [COMMITS]]
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from tasks.config.sections import Storage
from tasks.data.table import Table
from tasks.data.upkeep import compact_files
from tasks.predictions.table import SCHEMA, predictions_table
from tasks.quantities import say_bytes
from tasks.store.local import LocalBucket

START, YEAR = datetime(2025, 1, 1, tzinfo=UTC), timedelta(days=365)
MONTH = datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC)
TRIES = 5


def answers(first: int, count: int, total: int) -> pa.Table:
    """Return answers that came one after another, evenly over the year."""
    draw = np.random.default_rng(first)
    numbers = np.arange(first, first + count)
    began = int(START.timestamp() * 1e6)
    at = began + (numbers * (YEAR / timedelta(microseconds=1)) / total).astype("int64")
    share = draw.random(count).round(6)
    columns = {
        "id": [f"{number:032x}" for number in numbers],
        "at": pa.array(at, pa.int64()).cast(pa.timestamp("us", "UTC")),
        "model_version": np.full(count, 3),
        "role": ["champion"] * count,
        "key": [f'{{"id":{number}}}' for number in numbers],
        "features": [f'{{"a":{p},"b":{round(p * 7, 3)},"c":"text"}}' for p in share],
        "value": np.where(share > 0.5, "1", "0"),
        "probabilities": [[1 - p, p] for p in share],
        "sender": [""] * count,
    }
    return pa.table(columns, SCHEMA)


def read_month(table: Table) -> tuple[float, int]:
    """Return the median of the seconds that one month takes, and its rows."""
    taken = []
    for _ in range(TRIES):
        start = time.perf_counter()
        within = pl.col("at").is_between(*MONTH, closed="left")
        rows = table.read(["at", "model_version", "value"], where=within).num_rows
        taken.append(time.perf_counter() - start)
    return sorted(taken)[TRIES // 2], rows


def main(rows: int = 10_000_000, commits: int = 2_000) -> None:
    """Print what each form takes, and their ratio."""
    with tempfile.TemporaryDirectory(prefix="pn-") as home:
        table = predictions_table(LocalBucket(Path(home)), "bench")
        each = rows // commits
        for number in range(commits):
            table.append(answers(number * each, each, rows), f"{number}", {})

        def told(name: str) -> float:
            seconds, found = read_month(table)
            files = table.files()
            size = say_bytes(sum(file.size for file in files))
            print(f"{name:11} {len(files):6,} files, {size}: {found:,} rows in {seconds:.3f} s")
            return seconds

        before = told("as shipped")
        start = time.perf_counter()
        compact_files(table, Storage().target_bytes)
        print(f"compacted in {time.perf_counter() - start:.1f} s")
        print(f"ratio {before / told('compacted'):.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
