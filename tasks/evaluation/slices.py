"""The metric within named groups of rows, for one model and between two.

A slice is one value of a column. One with fewer than 50 rows, or with one class where the metric
needs two, is reported as too small; it never counts as a fall.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats, Integers
from tasks.errors import DataError
from tasks.evaluation.bootstrap import Interval, Sampling, interval, paired_gain
from tasks.evaluation.metrics import NAN, Metric

# Rows; a smaller slice is told, but never counts against a model.
SMALL = 50
MOST_VALUES = 30
REST = "(all other values)"
MISSING = "(missing)"


@dataclass(frozen=True)
class Slice:
    """One value of one column: its rows and the metric there, or between two models the gain.

    `too_small` slices have NaN bounds. `figure` is the metric for one model; from
    `compare_slices` it is the paired gain, positive where the challenger is better.
    """

    column: str
    value: str
    rows: int
    figure: Interval
    too_small: bool

    def fell(self, loss: float) -> bool:
        """Say, of a gain, whether it is worse than -`loss` and more than chance.

        >>> Slice("origin", "JFK", 500, Interval(-0.05, -0.08, -0.01), False).fell(0.02)
        True
        >>> Slice("origin", "JFK", 500, Interval(-0.05, -0.12, 0.01), False).fell(0.02)
        False
        """
        return not self.too_small and self.figure.value < -loss and self.figure.high < 0


def judge_slices(
    metric: Metric, y: Array, predictions: Floats, frame: pd.DataFrame | None, sampling: Sampling
) -> tuple[Slice, ...]:
    """Return the metric in each value of each column of `frame`.

    Args:
        metric: what to compute.
        y: (n,) labels.
        predictions: (n, k) probabilities or (n,) values.
        frame: n rows; every column is sliced, see `slice_labels`. None has none.
        sampling: how the rows are drawn again.
    """
    if frame is None:
        return ()

    def figure(rows: Integers) -> Interval:
        return interval(metric, y[rows], predictions[rows], sampling)

    return _slices(metric, y, frame, figure, sampling.repeats)


def compare_slices(
    metric: Metric,
    y: Array,
    challenger: Floats,
    champion: Floats,
    frame: pd.DataFrame,
    sampling: Sampling,
) -> tuple[Slice, ...]:
    """Return the challenger's paired gain in each value of each column of `frame`.

    Args:
        metric: what to compute.
        y: (n,) labels.
        challenger, champion: (n, k) probabilities or (n,) values of the new and the old model.
        frame: n rows; every column is sliced, see `slice_labels`.
        sampling: how the rows are drawn again.
    """

    def gain(rows: Integers) -> Interval:
        return paired_gain(metric, y[rows], challenger[rows], champion[rows], sampling)

    return _slices(metric, y, frame, gain, sampling.repeats)


def slice_labels(column: pd.Series[Any]) -> pd.Series[str]:
    """Return the slice each row belongs to.

    Numbers with more than 30 values are cut into quarters, times into months; of other columns
    the 30 most frequent values are kept and the rest is one slice.

    >>> slice_labels(pd.Series(["a", None, "b"])).tolist()
    ['a', '(missing)', 'b']
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        text = column.dt.strftime("%Y-%m")
    elif pd.api.types.is_float_dtype(column) or pd.api.types.is_integer_dtype(column):
        many = column.nunique() > MOST_VALUES
        # one value may fill several quarters, and qcut refuses equal edges
        cut = pd.qcut(column.astype(float), 4, precision=4, duplicates="drop") if many else column
        text = cut.astype(str)
    else:
        text = column.astype(str)
    text = text.astype(object).where(column.notna(), MISSING)
    kept = text.value_counts(sort=True).index[:MOST_VALUES]
    named: pd.Series[str] = text.where(text.isin(kept), REST)
    return named


def _slices(
    metric: Metric,
    y: Array,
    frame: pd.DataFrame,
    figure: Callable[[Integers], Interval],
    repeats: int,
) -> tuple[Slice, ...]:
    if len(frame) != len(y):
        came = f"{len(frame)} rows for {len(y)} labels"
        raise DataError("slices", "every judged row has its slice columns", came)
    made = []
    for name in frame.columns:
        # by place: the index of a window of rows need not start at zero
        label = slice_labels(frame[name].reset_index(drop=True)).to_numpy()
        for value in sorted(set(label)):
            rows = np.flatnonzero(label == value)
            one_class = metric.tasks != ("regression",) and len(np.unique(y[rows])) < 2
            count = len(rows) // repeats
            known = count >= SMALL and not one_class
            shown = figure(rows) if known else Interval(NAN, NAN, NAN)
            # a metric may be undefined on enough rows too, such as R squared of constant labels
            made.append(Slice(str(name), str(value), count, shown, math.isnan(shown.low)))
    return tuple(made)
