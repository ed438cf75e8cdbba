"""How rows are parted by time, so that a model is always judged on later ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tasks.arrays import Integers, Mask, Times
from tasks.errors import DataError


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the rows to fit on, and of the strictly later rows to judge on."""

    fit: Integers
    judge: Integers


@dataclass(frozen=True, eq=False)
class Split:
    """The rows before `boundary`, and the rows from it on, as masks in the order of the rows.

    With `folds` there is no boundary: a model learns from every row, and `holdout` are those that
    are judged by models of the folds (see `tasks.dataset.evidence`).
    """

    boundary: datetime | None
    training: Mask
    holdout: Mask
    folds: tuple[Fold, ...] = ()

    @property
    def evidence(self) -> str:
        """What the judged rows are, in words."""
        return f"cross-validation, {len(self.folds)} folds" if self.folds else "latest rows"


def split(times: Times, holdout: float) -> Split:
    """Part rows so that about the share `holdout`, the latest, is held out.

    Rows of equal time stay together, so the share is the nearest that they allow.

    Args:
        times: (n,) event times, in any order.
        holdout: the share of the rows to hold out.

    Raises:
        DataError: a time is missing, there are fewer than two, or the share is not inside 0..1.

    >>> days = np.array(["2013-01-01", "2013-01-02", "2013-01-03"], "datetime64[D]")
    >>> split(days, 0.3).holdout.tolist()
    [False, False, True]
    """
    if not 0 < holdout < 1:
        raise DataError("holdout", "a share between 0 and 1, both left out", holdout)
    at, distinct, before = _counted(times, 2)
    boundary = distinct[_nearest(before, len(at) * (1 - holdout), 1, len(distinct) - 1)]
    later = at >= boundary
    return Split(boundary.astype("datetime64[us]").item(), ~later, later)


def forward_folds(times: Times, k: int) -> tuple[Fold, ...]:
    """Part rows into `k` folds: each is fitted on all before a time, judged on what follows.

    The time line is cut into k + 1 stretches of about equally many rows; fold i is fitted on
    the first i and judged on the next (a growing window, also called forward chaining).

    Args:
        times: (n,) event times, in any order.
        k: how many folds.

    Raises:
        DataError: a time is missing, or there are fewer than k + 1 different ones.

    >>> days = np.arange("2013-01-01", "2013-01-05", dtype="datetime64[D]")
    >>> [(fold.fit.tolist(), fold.judge.tolist()) for fold in forward_folds(days, 3)]
    [([0], [1]), ([0, 1], [2]), ([0, 1, 2], [3])]
    """
    if k < 1:
        raise DataError("folds", "at least 1", k)
    at, distinct, before = _counted(times, k + 1)
    cuts = [0]
    for number in range(1, k + 1):
        # a time is left for each of the folds that follow
        last = len(distinct) - 1 - (k - number)
        cuts.append(_nearest(before, len(at) * number / (k + 1), cuts[-1] + 1, last))
    # right: a row of the very time of a cut belongs to the stretch that the cut begins
    stretch = np.searchsorted(distinct[cuts[1:]], at, side="right")
    return tuple(
        Fold(np.flatnonzero(stretch < number), np.flatnonzero(stretch == number))
        for number in range(1, k + 1)
    )


def _counted(times: Times, needed: int) -> tuple[Times, Times, Integers]:
    """Return the times, the distinct ones in order, and how many rows come before each."""
    # a boundary becomes a datetime, and NumPy's `item` gives an int for any finer unit
    at = np.asarray(times).astype("datetime64[us]")
    missing = int(np.isnat(at).sum())
    if missing:
        raise DataError("event times", "every row has one", f"{missing} missing", "Drop the rows.")
    distinct, counts = np.unique(at, return_counts=True)
    if len(distinct) < needed:
        rule = f"at least {needed} different ones"
        raise DataError("event times", rule, len(distinct), "Add rows of other times.")
    return at, distinct, np.cumsum(counts) - counts


def _nearest(before: Integers, wanted: float, first: int, last: int) -> int:
    """Return the position in first..last whose row count is nearest; the earlier on a tie."""
    return first + int(np.abs(before[first : last + 1] - wanted).argmin())
