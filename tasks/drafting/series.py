"""Whether the rows are one series, of which the row before tells more than any column. Pure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.config.choices import Task

FEWEST = 40  # rows; of fewer, a slow rise looks the same
# The last value errs by so much of what the median does where successive values go together by
# seven eighths: the squared error of the one is 2 (1 - r) of the variance, of the other all of it.
CLOSE = 0.5
TO_DO = (
    "than the last value, and a model knows its own row alone. Bring earlier values as columns of",
    "the file and of each request (a row before, a season before), or predict the change.",
)


def find_series(sample: pd.DataFrame, target: str, time: str | None, task: Task) -> tuple[str, ...]:
    """Return how near each value lies to the one before it, and what to do; else nothing.

    Rows that share a time are several series, or none: what came before then says little, and the
    gate's last value is as blind.

    Args:
        sample: n rows, the target and the time.
        time: the column that orders the rows; None where nothing does.

    >>> walk = pd.DataFrame({"at": pd.date_range("2024", periods=99), "y": np.arange(99.0) ** 2})
    >>> find_series(walk, "y", "at", "regression")[0]
    'y lies 113 (rmse) from the row before, 2.89e+03 from the mean: the gate asks for more'
    >>> find_series(walk, "y", None, "regression")
    ()
    """
    if time is None or task != "regression":
        return ()
    known = sample[sample[target].notna() & sample[time].notna()].sort_values(time)
    if len(known) < FEWEST or not known[time].is_unique:
        return ()
    y = known[target].to_numpy(dtype=np.float64)
    last, mean = (float(np.sqrt(np.mean(gap**2))) for gap in (np.diff(y), y - y.mean()))
    if not last < CLOSE * mean:
        return ()
    near = f"{target} lies {last:.3g} (rmse) from the row before, {mean:.3g} from the mean"
    return (f"{near}: the gate asks for more", *TO_DO)
