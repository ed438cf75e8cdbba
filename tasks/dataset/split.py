"""How rows are parted: by time, or, where rows are exchangeable, by a stable hash. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Hashes, Integers, Mask, Times
from tasks.config.choices import Task
from tasks.errors import DataError
from tasks.evaluation.evaluate import EvidenceKind
from tasks.features.schema import INTERNAL

# So many equal rows stay together: fewer are a file sent again, more are the cells of a table
# of few columns (2,201 people on the Titanic are 24 different rows), which must be parted.
COPIES = 10


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the rows to fit on, and of the rows to judge on: where time counts, later."""

    fit: Integers
    judge: Integers


@dataclass(frozen=True, eq=False)
class Split:
    """The rows to learn from and those held out, as masks in the order of the rows.

    The holdout is the rows from `boundary` on; None where rows are exchangeable. With `folds` a
    model learns from every row, and `holdout` are those that are judged by models of the folds
    (see `tasks.dataset.evidence`).
    """

    boundary: datetime | None
    training: Mask
    holdout: Mask
    folds: tuple[Fold, ...] = ()

    @property
    def judged(self) -> Integers:
        """Positions of the judged rows, in order; of folds that are repeated, each as often."""
        if not self.folds:
            return np.flatnonzero(self.holdout)
        return np.sort(np.concatenate([fold.judge for fold in self.folds]))

    @property
    def repeats(self) -> int:
        """How often each held-out row is judged."""
        return len(self.judged) // int(self.holdout.sum())

    @property
    def name(self) -> str:
        """Which split of its rows it is: where it lies, or the digest of what is held out."""
        if self.boundary is not None:
            return self.boundary.isoformat()
        return hashlib.sha256(np.packbits(self.holdout).tobytes()).hexdigest()

    @property
    def evidence(self) -> EvidenceKind:
        """How its rows are held out."""
        if self.folds:
            return "cross-validation"
        return "random holdout" if self.boundary is None else "latest rows"


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
    _check_share(holdout)
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


def row_hashes(frame: pd.DataFrame, key: Sequence[str]) -> Hashes:
    """Return (n,) hashes that a row keeps, whatever rows and columns are added to its table.

    Without a key it is the hash of what the row says, `COPIES` equal rows together; the rows are
    then in order of arrival.

    >>> frame = pd.DataFrame({"id": [7, 8], "size": [1.5, None]})
    >>> bool((row_hashes(frame, ["id"]) == row_hashes(frame[["id"]].astype(float), [])).all())
    True
    """
    names = list(key) or [name for name in frame.columns if name not in INTERNAL]
    total = np.zeros(len(frame), dtype=np.uint64)
    for name in names:
        column = frame[name]
        salt = pd.util.hash_array(np.array([str(name)], dtype=object))
        values = _mixed(_column_hashes(column) ^ salt)
        # a sum, and nothing for what is missing: a column that is added later changes no hash
        total += np.where(column.isna(), np.uint64(0), values)
    if not key:
        copy = pd.Series(total).groupby(total).cumcount().to_numpy()
        total += _mixed((copy // COPIES).astype(np.uint64)) * (copy >= COPIES)
    return _mixed(total)


def hashed_split(order: Hashes, y: Array, holdout: float, task: Task) -> Split:
    """Hold out about the share `holdout` of exchangeable rows: those of a low hash.

    A row's side follows from its own hash alone, so it stays as the table grows: what a champion
    was judged on is never learned from. That gives each class its share only by and large; a
    class (or table) that would be wholly on one side gives the other the row next to the line.

    Args:
        order: (n,) hashes of the rows, see `row_hashes`.
        y: (n,) target, as labels or as class indices; not looked at for a regression.
        holdout: the share of the rows to hold out.
        task: as the pipeline file's.

    Raises:
        DataError: there are fewer than two different rows, or the share is not inside 0..1.

    >>> hashed_split(np.array([1, 2**62, 2**63], "u8"), np.zeros(3), 0.3, "regression").holdout
    array([ True,  True, False])
    """
    _check_share(holdout)
    _check_different(order, 2)
    line = np.uint64(int(holdout * 2**64))
    held = order < line
    if task != "regression":
        ranks = pd.Series(order)
        # all classes at once: a column of names given as the target has as many as rows
        ends = ranks.groupby(pd.factorize(y)[0]).agg(["min", "max"])
        ends = ends[ends["min"] != ends["max"]]
        held |= ranks.isin(ends["min"][ends["min"] >= line]).to_numpy()
        held &= ~ranks.isin(ends["max"][ends["max"] < line]).to_numpy()
    if not held.any() or held.all():
        held = order < order.max() if held.all() else order == order.min()
    return Split(None, ~held, held)


def exchangeable_folds(order: Hashes, y: Array, k: int, task: Task) -> tuple[Fold, ...]:
    """Part exchangeable rows into `k` folds, each judged by what is fitted on the others.

    Every row is judged once; rows of one hash stay together; each fold has its share of each
    class, or of the low and the high values of a regression. Arguments as of `hashed_split`.

    Raises:
        DataError: `k` is below 2, or there are fewer than `k` different rows.

    >>> order, y = np.array([3, 1, 2, 0], "u8"), np.array([0, 0, 1, 1])
    >>> [fold.judge.tolist() for fold in exchangeable_folds(order, y, 2, "binary")]
    [[1, 3], [0, 2]]
    """
    if k < 2:
        raise DataError("folds", "at least 2", k)
    _check_different(order, k)
    # a group is the rows of one hash; it goes where its first row's target belongs
    _, first, group = np.unique(order, return_index=True, return_inverse=True)
    target = y[first]
    if task == "regression":
        # of k neighbours in value one goes to each fold
        stratum = np.argsort(np.argsort(target, kind="stable"), kind="stable") // k
    else:
        stratum = np.unique(target, return_inverse=True)[1]
    dealt = np.empty(len(first), dtype=np.int64)
    dealt[np.lexsort((np.arange(len(first)), stratum))] = np.arange(len(first)) % k
    part = dealt[group]
    return tuple(
        Fold(np.flatnonzero(part != number), np.flatnonzero(part == number)) for number in range(k)
    )


def _check_share(holdout: float) -> None:
    if not 0 < holdout < 1:
        raise DataError("holdout", "a share between 0 and 1, both left out", holdout)


def _check_different(order: Hashes, needed: int) -> None:
    # pandas: the unique of NumPy 2.4 takes a hundred times as long on these numbers
    different = len(pd.unique(order))
    if different < needed:
        rule = f"at least {needed} different ones"
        raise DataError("rows", rule, different, "Add other rows.")


def _column_hashes(column: pd.Series[Any]) -> Hashes:
    """Return (n,) hashes of values: 7 and 7.0 are one, as are a time in seconds and in micro."""
    if pd.api.types.is_datetime64_any_dtype(column):
        times = pd.to_datetime(column, utc=True).dt.tz_localize(None)
        return pd.util.hash_array(times.to_numpy("datetime64[us]").view("int64"))
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return pd.util.hash_array(column.astype(str).to_numpy(dtype=object))
    if pd.api.types.is_integer_dtype(column) and not column.isna().any():
        return pd.util.hash_array(column.to_numpy(dtype=np.int64))
    # pandas makes floats of whole numbers where one of them is missing
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = (np.abs(numbers) < 2**53) & (numbers == np.floor(numbers))
    bits = np.where(whole, 0, numbers).view(np.int64)
    return pd.util.hash_array(np.where(whole, np.where(whole, numbers, 0).astype(np.int64), bits))


def _mixed(values: Hashes) -> Hashes:
    """Return 64-bit values spread evenly: the finish of SplitMix64, prng.di.unimi.it."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


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
