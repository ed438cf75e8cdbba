"""The metric within named groups of rows, for one model and between two.

A slice is one value of a column. A slice with fewer than 50 rows, or with one class where the
metric needs two, is reported as too small; it never counts as a fall.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats, Integers
from tasks.errors import DataError
from tasks.evaluation.bootstrap import ROUNDS, Interval, interval, paired_gain
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
    metric: Metric,
    y: Array,
    predictions: Floats,
    frame: pd.DataFrame,
    *,
    confidence: float,
    seed: int,
    rounds: int = ROUNDS,
) -> tuple[Slice, ...]:
    """Return the metric in each value of each column of `frame`.

    Args:
        metric: what to compute.
        y: (n,) labels.
        predictions: (n, k) probabilities or (n,) values.
        frame: n rows; every column is sliced, see `slice_labels`.
        confidence: of the intervals.
        seed: of the resampling.
        rounds: of the resampling.
    """

    def figure(rows: Integers) -> Interval:
        return interval(
            metric, y[rows], predictions[rows], confidence=confidence, seed=seed, rounds=rounds
        )

    return tuple(_slice(metric, y, group, figure) for group in _groups(frame, len(y)))


def compare_slices(
    metric: Metric,
    y: Array,
    challenger: Floats,
    champion: Floats,
    frame: pd.DataFrame,
    *,
    confidence: float,
    seed: int,
    rounds: int = ROUNDS,
) -> tuple[Slice, ...]:
    """Return the challenger's paired gain in each value of each column; as `judge_slices`.

    Args:
        metric: what to compute.
        y: (n,) labels.
        challenger: (n, k) probabilities or (n,) values of the new model.
        champion: the same of the old one.
        frame: n rows; every column is sliced, see `slice_labels`.
        confidence: of the intervals.
        seed: of the resampling.
        rounds: of the resampling.
    """

    def figure(rows: Integers) -> Interval:
        return paired_gain(
            metric,
            y[rows],
            challenger[rows],
            champion[rows],
            confidence=confidence,
            seed=seed,
            rounds=rounds,
        )

    return tuple(_slice(metric, y, group, figure) for group in _groups(frame, len(y)))


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
        cut = pd.qcut(column.astype(float), 4, precision=4, duplicates="drop") if many else column
        text = cut.astype(str)
    else:
        text = column.astype(str)
    text = text.astype(object).where(column.notna(), MISSING)
    kept = text.value_counts(sort=True).index[:MOST_VALUES]
    named: pd.Series[str] = text.where(text.isin(kept), REST)
    return named


def _groups(frame: pd.DataFrame, rows: int) -> Iterator[tuple[str, str, Integers]]:
    if len(frame) != rows:
        came = f"{len(frame)} rows for {rows} labels"
        raise DataError("slices", "every judged row has its slice columns", came)
    for name in frame.columns:
        label = slice_labels(frame[name].reset_index(drop=True)).to_numpy()
        for value in sorted(set(label)):
            yield str(name), str(value), np.flatnonzero(label == value)


def _slice(metric: Metric, y: Array, group: tuple[str, str, Integers], figure: Any) -> Slice:
    column, value, rows = group
    one_class = metric.tasks != ("regression",) and len(np.unique(y[rows])) < 2
    if len(rows) < SMALL or one_class:
        return Slice(column, value, len(rows), Interval(NAN, NAN, NAN), True)
    found = figure(rows)
    return Slice(column, value, len(rows), found, math.isnan(found.low))
