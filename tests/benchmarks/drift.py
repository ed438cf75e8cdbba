"""Profiling and comparing two Parquet files against Evidently's drift preset on the same files.

    python -m tests.benchmarks.drift [--rows 1_500_000] [--rounds 3]

Both read the files and end with a score for each of ten columns, which are asked to be the same.
Each run is a process of its own, which has imported everything before the clock starts; the peak
is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from tasks.drift.compare import compare
from tasks.drift.profile import Profile
from tasks.drift.profiling import Profiler
from tasks.features.schema import Columns

COLUMNS = Columns(
    ("temperature", "wind", "pressure", "delay", "distance", "hour", "night"),
    ("carrier", "origin", "tail"),
)
PIECE = 2**16
FASTER, SMALLER = 25, 5
NAMES = ("evidently", "ours")
Run = Callable[[Path, Path], dict[str, float | None]]
CHILD = "import sys; from tests.benchmarks.drift import measured; measured(*sys.argv[1:])"


def write_rows(path: Path, rows: int, seed: int) -> None:
    """Write prepared rows: seven float32 numbers, one with missing values, three categories."""
    rng = np.random.default_rng(seed)
    tails = [f"N{number}" for number in range(4000)]
    frame = pd.DataFrame(
        {
            "temperature": rng.normal(55 + 5 * seed, 20, rows),
            "wind": rng.gamma(2, 5, rows),
            "pressure": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(1013, 8, rows)),
            "delay": rng.standard_t(3, rows) * 20,
            "distance": rng.integers(50, 5000, rows),
            "hour": rng.integers(0, 1440, rows) / 60,
            "night": rng.integers(0, 2, rows),
        },
        dtype="float32",
    )
    frame["carrier"] = rng.choice(["AA", "B6", "DL", "EV", "UA", "WN"], rows)
    frame["origin"] = rng.choice(["EWR", "JFK", "LGA"], rows)
    frame["tail"] = rng.choice(tails, rows)
    frame.to_parquet(path)


def ours(reference: Path, current: Path) -> dict[str, float | None]:
    """Profile both in pieces, compare, return the scores."""
    found = compare(profiled(reference), profiled(current), importances={}, share=0.3)
    return {one.name: one.score for one in found.columns}


def profiled(path: Path) -> Profile:
    """Return the profile of a file."""
    profiler = Profiler(COLUMNS)
    # a small buffer instead of whole row groups, and no second thread's worth of memory
    file = pq.ParquetFile(path, buffer_size=PIECE, pre_buffer=False)
    for piece in file.iter_batches(batch_size=PIECE, use_threads=False):
        profiler.add(piece.to_pandas(use_threads=False))
    return profiler.result()


def preset(reference: Path, current: Path) -> dict[str, float | None]:
    """Run the preset as its documentation has it, return the scores."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    kinds = DataDefinition(
        numerical_columns=list(COLUMNS.numbers), categorical_columns=list(COLUMNS.categories)
    )
    sides = [
        Dataset.from_pandas(pd.read_parquet(path), data_definition=kinds)
        for path in (current, reference)
    ]
    found = json.loads(Report([DataDriftPreset()]).run(*sides).json())["metrics"]
    return {one["config"]["column"]: one["value"] for one in found if "column" in one["config"]}


def measured(which: str, reference: str, current: str) -> None:
    """Run one side in this process; print its seconds, peak megabytes and scores."""
    run: Run = {"ours": ours, "evidently": preset}[which]
    if which == "evidently":
        import evidently.presets  # noqa: F401
    start = time.perf_counter()
    scores = run(Path(reference), Path(current))
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak": peak(), "scores": scores}))


def peak() -> float:
    """Return this process's peak resident memory in megabytes.

    Not `ru_maxrss`, which begins with the peak of the process that started this one.
    """
    status = Path("/proc/self/status").read_text()
    return next(int(one.split()[1]) / 1024 for one in status.splitlines() if "VmHWM" in one)


def child(which: str, paths: list[str]) -> dict[str, Any]:
    """Run one side in a process of its own."""
    command = [sys.executable, "-c", CHILD, which, *paths]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print medians, peaks and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=lambda text: int(text.replace("_", "")), default=1_500_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="perennial-drift-") as folder:
        paths = [str(Path(folder) / name) for name in ("reference.parquet", "current.parquet")]
        for seed, path in enumerate(paths):
            write_rows(Path(path), given.rows, seed)
        runs = {which: [child(which, paths) for _ in range(given.rounds)] for which in NAMES}
    seconds = {
        which: statistics.median(one["seconds"] for one in all_) for which, all_ in runs.items()
    }
    peaks = {which: max(one["peak"] for one in all_) for which, all_ in runs.items()}
    for which in NAMES:
        print(f"{which:9} {seconds[which]:7.2f} s  {peaks[which]:7.0f} MB")
    theirs, scores = (runs[which][0]["scores"] for which in ("evidently", "ours"))
    apart, name = max((abs(scores[name] - theirs[name]), name) for name in theirs)
    print(f"largest difference of a score {apart:.1e} ({name})")
    faster, smaller = seconds["evidently"] / seconds["ours"], peaks["evidently"] / peaks["ours"]
    print(f"{faster:.1f} times faster (at least {FASTER}), ", end="")
    print(f"1/{smaller:.1f} of the memory (at most 1/{SMALLER})")


if __name__ == "__main__":
    main()
