"""A policy backtest of elec-like data against a plain loop that refits for every policy.

    python -m tests.benchmarks.backtest [--rows 45000] [--batch 500]

45,000 rows of eight features whose meaning turns around slowly, in batches of 500, replayed under
seven policies: at most 3 minutes on two idle processors. The plain loop is estimated from what
one model took: it would fit and judge again at every retraining of every policy, with nothing
shared, and the oracle's bound would need every model on every later batch as well.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.backtest.cutting import Cut, cut, first_end
from tasks.backtest.fitting import HistoryRows, MeasuredFit, Recipe
from tasks.backtest.history import Batch, History
from tasks.backtest.result import Backtest, compare_policies
from tasks.backtest.workers import measure_all, processors
from tasks.config import Pipeline
from tasks.dataset.dataset import moments
from tasks.policy.limits import Limits
from tasks.policy.policy import parse_policy
from tasks.quantities import Budget
from tasks.tuning.trial import Setting

POLICIES = (
    "static",
    "every 1 batch",
    "drift",
    "performance",
    "error_drift",
    "estimated_performance",
    "new_rows 20%",
)
MOST_SECONDS = 180.0


def elec(count: int, seed: int = 0) -> pd.DataFrame:
    """Make half-hourly rows, as the electricity market of New South Wales has them."""
    draw, t = np.random.default_rng(seed), np.arange(count) / count
    x = draw.random((count, 8))
    x[:, 0] += t
    weights = np.column_stack([np.sin(2 * np.pi * (t + at / 8)) for at in range(8)])
    lean = ((x - 0.5) * weights).sum(axis=1) + draw.normal(size=count) * 0.2
    columns: dict[str, Any] = {f"x{at}": x[:, at] for at in range(8)}
    at = pd.date_range("1996-05-07", periods=count, freq="30min")
    return pd.DataFrame({**columns, "at": at, "up": (lean > 0).astype(int)})


def history_of(
    made: Cut, times: NDArray[np.datetime64], first: int, models: Mapping[int, MeasuredFit]
) -> History:
    """Return the history of the pieces, with every model fitted and judged."""
    batches = tuple(
        Batch(
            name,
            times[made.place == at].min().item(),
            times[made.place == at].max().item(),
            int(made.counts[at]),
            int(made.counts[at]),
            times[made.place == at].max().item().replace(tzinfo=UTC),
        )
        for at, name in enumerate(made.names)
    )
    cells = {(end, at): cell for end, one in models.items() for at, cell in one.cells.items()}
    fits = {end: one.fit for end, one in models.items()}
    return History(batches, first, "roc_auc", True, cells, fits)


def told(found: Backtest, models: Mapping[int, MeasuredFit], fitted: float, took: float) -> None:
    """Print the table, the seconds of each part, and the plain loop's estimate."""
    for line in found.lines:
        print(f"{line.policy:24} {line.retrainings:4} {line.cpu_seconds:8.1f} {line.mean:.4f}")
    print(f"{'the bound':24} {len(found.oracle.retrainings):4} {found.oracle.mean:17.4f}")
    shared = sum(one.fit.cpu_seconds for one in models.values())
    cells = sum(len(one.cells) for one in models.values())
    loop = sum(line.cpu_seconds for line in found.lines)
    print(
        f"\n{len(models)} models, {cells:,} cells, {processors()} processors\n"
        f"fits and cells {fitted:7.1f} s\nreplays        {took - fitted:7.1f} s\n"
        f"whole          {took:7.1f} s (at most {MOST_SECONDS:.0f} on two idle processors)\n"
        f"CPU-seconds of fitting: {shared:.0f} shared, {loop:.0f} if each policy fitted its own, "
        f"{loop + shared:.0f} with the bound"
    )


def main() -> None:
    """Print the seconds of each part, the table, and the plain loop's estimate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=45_000)
    parser.add_argument("--batch", type=int, default=500)
    asked = parser.parse_args()
    pipeline = Pipeline.model_validate(
        {"name": "elec", "task": "binary", "target": "up", "event_time": "at"}
    )
    frame = elec(asked.rows)
    times = moments(frame["at"])
    made = cut(times, np.full(len(frame), "all"), {}, asked.batch)
    held = np.zeros(len(times), bool)
    rows, first = HistoryRows(frame, times, times, made.place, held), first_end(made.counts, 0.04)
    ends = range(first, rows.batches - 1)
    start = time.perf_counter()
    models: dict[int, MeasuredFit] = {}
    with tempfile.TemporaryDirectory() as folder:
        recipe = Recipe(pipeline, Setting("lightgbm", {}))
        for end, one in measure_all(rows, recipe, ends, Path(folder)):
            assert isinstance(one, MeasuredFit), one
            models[end] = one
    fitted = time.perf_counter() - start
    history = history_of(made, times, first, models)
    policies = [parse_policy(text) for text in POLICIES]
    limits = Limits(cooldown=timedelta(hours=1), budget=Budget(100, timedelta(days=30)))
    found = compare_policies(history, policies, limits, timedelta(0), policies[-1])
    took = time.perf_counter() - start
    told(found, models, fitted, took)


if __name__ == "__main__":
    main()
