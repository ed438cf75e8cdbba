"""Whether the rows are a series, of which the value before tells more than any column. Pure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tasks.config.choices import Task
from tasks.evaluation.baselines import last_value

FEWEST = 40  # rows; of fewer, a slow rise looks the same
# The last value errs by half as much as the mean where successive values correlate by seven
# eighths: its squared error is 2 (1 - r) of the variance, the mean's all of it.
CLOSE = 0.5
TO_DO = (
    "than the last value, and a model knows its own row alone. Bring earlier values as columns of",
    "the file and of each request (a row before, a season before), or predict the change.",
)


def find_series(sample: pd.DataFrame, target: str, time: str | None, task: Task) -> tuple[str, ...]:
    """Return how near each value lies to the one before it, and what to do; else nothing.

    The value before is the gate's baseline: the target of the latest row that is strictly earlier.

    Args:
        sample: n rows, the target and the time.
        time: the column that orders the rows; None where nothing does.

    >>> walk = pd.DataFrame({"at": pd.date_range("2024", periods=99), "y": np.arange(99.0) ** 2})
    >>> find_series(walk, "y", "at", "regression")[0]
    'y lies 113 (rmse) from the value before, 2.89e+03 from the mean: the gate asks for more'
    >>> find_series(walk, "y", None, "regression")
    ()
    """
    if time is None or task != "regression":
        return ()
    known = sample[sample[target].notna() & sample[time].notna()]
    if len(known) < FEWEST:
        return ()
    y, order = known[target].to_numpy(dtype=np.float64), pd.factorize(known[time], sort=True)[0]
    # a year is a number here, and its order is all that counts
    followed, when = order > 0, order.astype("datetime64[D]")
    gaps = y - last_value(y, when, y, when), y - y.mean()
    last, mean = (float(np.sqrt(np.mean(gap[followed] ** 2))) for gap in gaps)
    if not last < CLOSE * mean:
        return ()
    near = f"{target} lies {last:.3g} (rmse) from the value before, {mean:.3g} from the mean"
    return (f"{near}: the gate asks for more", *TO_DO)
