"""Two Dask workers of one thread against one, for trials and the fits of a backtest.

    python -m tests.benchmarks.engine [--rows 20000]

At least 1.6 times as fast on two idle processors; a job that does nothing costs under 20 ms.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tasks.backtest.pinning import plan_backtest
from tasks.backtest.table import fit_history
from tasks.engine.engine import open_engine
from tasks.training import steps
from tasks.training.work import Work
from tests import life
from tests.tasks.engine.clusters import running_cluster
from tests.tasks.engine.jobs import double
from tests.tasks.monitoring.house import House

BATCHES, JOBS, FASTER, OVERHEAD = 12, 500, 1.6, 20.0
TRAINING = {"families": ["lightgbm"], "trials": 8, "sampler": "random", "folds": 4}


def overhead(engine_text: str) -> float:
    """Return the milliseconds of a job that does nothing, of many that follow each other."""
    with open_engine(engine_text, lambda _: None) as engine:
        assert engine is not None
        list(engine.map(double, range(20)))
        start = time.perf_counter()
        list(engine.map(double, range(JOBS)))
        return (time.perf_counter() - start) / JOBS * 1000


def measured(folder: Path, engine: str, rows: int) -> tuple[float, float]:
    """Return the seconds of a search and of a backtest's fits."""
    training = {**TRAINING, "timeout": "1h"}
    house = House(folder, {"engine": engine, "training": training})
    part = rows // BATCHES
    for number in range(BATCHES):
        house.arrive(f"{number}.csv", life.toy_rows(part, start=part * number))
    start = time.perf_counter()
    steps.choose_setting(Work(house.workspace, house.plan()), lambda _: None)
    tuned = time.perf_counter()
    plan = plan_backtest(house.workspace, ["static"])
    fit_history(house.workspace, plan, lambda _: None)
    return tuned - start, time.perf_counter() - tuned


def main() -> None:
    """Print the seconds of one worker and of two, their ratios, and a job's overhead."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    rows, took = parser.parse_args().rows, {}
    with tempfile.TemporaryDirectory(prefix="perennial-engine-") as name:
        folder = Path(name)
        for workers in (1, 2):
            with running_cluster(folder / f"dask-{workers}", workers) as cluster:
                # every worker has imported its libraries before the clock starts
                measured(folder / f"warm-{workers}", cluster.engine, 1_200)
                took[workers] = measured(folder / f"of-{workers}", cluster.engine, rows)
                spent = overhead(cluster.engine)
    print(f"{'':16} {'one':>8} {'two':>8} ratio (at least {FASTER})")
    for what, one, two in zip(("trials", "backtest fits"), took[1], took[2], strict=True):
        print(f"{what:16} {one:6.1f} s {two:6.1f} s {one / two:5.2f}")
    print(f"a job that does nothing: {spent:.1f} ms (under {OVERHEAD:.0f})")


if __name__ == "__main__":
    main()
