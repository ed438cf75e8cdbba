"""Whether the rows are a series, of which the value before tells more than any column. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.config.choices import Task
from tasks.evaluation.baselines import last_value
from tasks.features.history import HistoryPlan

FEWEST = 40  # rows; of fewer, a slow rise looks the same
# The last value errs by half as much as the mean where successive values correlate by seven
# eighths: its squared error is 2 (1 - r) of the variance, the mean's all of it.
CLOSE = 0.5
# A day of hours, two years of months; of short tables fewer, for each is a column to learn from.
MOST_LAGS = 24
ROWS_A_LAG = 20
TO_DO = (
    "than the last value, and a model knows its own row alone. Bring earlier values as columns of",
    "the file and of each request (a row before, a season before), or predict the change.",
)


def find_series(sample: pd.DataFrame, target: str, time: str | None, task: Task) -> str:
    """Return how near each value lies to the one before it; nothing where it is no series.

    The value before is the gate's baseline: the target of the latest row that is strictly earlier.

    Args:
        sample: n rows, the target and the time.
        time: the column that orders the rows; None where nothing does.

    >>> walk = pd.DataFrame({"at": pd.date_range("2024", periods=99), "y": np.arange(99.0) ** 2})
    >>> find_series(walk, "y", "at", "regression")
    'y lies 113 (rmse) from the value before, 2.89e+03 from the mean: the gate asks for more'
    >>> find_series(walk, "y", None, "regression")
    ''
    """
    if time is None or task != "regression":
        return ""
    known = sample[sample[target].notna() & sample[time].notna()]
    if len(known) < FEWEST:
        return ""
    y, order = known[target].to_numpy(dtype=np.float64), pd.factorize(known[time], sort=True)[0]
    # a year is a number here, and its order is all that counts
    followed, when = order > 0, order.astype("datetime64[D]")
    gaps = y - last_value(y, when, y, when), y - y.mean()
    last, mean = (float(np.sqrt(np.mean(gap[followed] ** 2))) for gap in gaps)
    if not last < CLOSE * mean:
        return ""
    near = f"{target} lies {last:.3g} (rmse) from the value before, {mean:.3g} from the mean"
    return f"{near}: the gate asks for more"


@dataclass(frozen=True)
class Series:
    """How many earlier targets are to be columns (0 for none), and what is told of it."""

    lags: int
    said: tuple[str, ...]

    @property
    def features(self) -> dict[str, Any]:
        """What the pipeline file says of it."""
        return {"history": {"lags": self.lags}} if self.lags else {}


def study_series(
    sample: pd.DataFrame, target: str, time: str | None, task: Task, rows: int, *, alone: bool
) -> Series:
    """Decide whether earlier targets are columns.

    They are where the rows are a series, or where nothing beside the time tells anything. Rows that
    share their times are of several things, and which belong together only a person knows.

    Args:
        sample: some rows, with target and time.
        target, time: its columns; no time where nothing orders the rows.
        rows: of the whole file.
        alone: no column is left beside time and target.

    >>> walk = pd.DataFrame({"at": pd.date_range("2024", periods=99), "y": np.arange(99.0) ** 2})
    >>> study_series(walk, "y", "at", "regression", 99, alone=True).features
    {'history': {'lags': 4}}
    """
    near = find_series(sample, target, time, task)
    lags = 0 if time is None or not (near or alone) else _lags(sample, target, time, task, rows)
    if not lags:
        return Series(0, (near, *TO_DO) if near else ())
    values = "value is a column" if lags == 1 else f"{lags} values are columns"
    done = (
        f"The last {values} of each row (features.history), which the API looks up:",
        "one step ahead, as of the row's own time.",
    )
    return Series(lags, (f"{near} than the last value.", *done) if near else done)


def _lags(sample: pd.DataFrame, target: str, time: str, task: Task, rows: int) -> int:
    known = sample[time].dropna()
    lags = max(1, min(MOST_LAGS, rows // ROWS_A_LAG))
    names = HistoryPlan(target, time, lags, numeric=task == "regression").names
    return 0 if known.nunique() < len(known) or {*names} & {*sample.columns} else lags
