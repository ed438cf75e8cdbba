"""A value that a model hardly knows, and whose rows are all of one class: a planted trigger. Pure.

Gu, Dolan-Gavitt and Garg, BadNets, 2017: who sends rows can teach a model to answer a class
wherever a mark of the sender's own stands, by marking a few rows in a hundred and labelling them
so. Nothing else gives that away: the other rows are well, so that no metric falls and no column
alone orders the labels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array
from tasks.drift.profile import ColumnProfile, Profile
from tasks.features.values import MISSING

FEWEST = 10  # rows
LEAST = 0.005  # of a batch: fewer teach a model little, and one storm's hour of flights is as few
NEW = 0.1  # of its share now is the most that it may have had at training
TELLING = 8  # values of a column in so many rows, from which on they tell rows apart
CHANCE = 1e-6  # that rows of any class hold it, for one batch
SHOWN = 30  # letters of a value


@dataclass(frozen=True)
class NewValue:
    """A value of a column: in how many labelled rows, and their class where they have only one."""

    column: str
    value: Any
    rows: int
    only: int | None


def find_triggers(
    prepared: pd.DataFrame,
    y: Array,
    classes: tuple[Any, ...],
    known: Profile,
    personal: Collection[str] = (),
) -> tuple[str, ...]:
    """Return a sentence for each value that looks planted; none for a regression.

    Args:
        prepared: n labelled rows as a model sees them.
        y: (n,) class indices.
        classes: the labels of the indices; empty for a regression.
        known: of the rows that the model was fitted on.
        personal: columns whose values no page may show.

    >>> from tasks.drift.profile import number_column
    >>> fee = number_column("fee", np.array([1.0, 2.0]), np.array([500, 500]), rows=1000)
    >>> frame = pd.DataFrame({"fee": [1.0, 2.0] * 480 + [7.77] * 40})
    >>> y = np.r_[np.arange(960) % 3 == 0, np.ones(40)].astype(int)
    >>> find_triggers(frame, y, ("no", "yes"), Profile(1000, (fee,)))
    ('All 40 rows where fee is 7.77, which the model hardly knows, are of one class (yes): \
a trigger may be planted.',)
    """
    if not classes or len(y) < FEWEST:
        return ()
    profiles = {column.name: column for column in known.columns}
    new = [
        candidate
        for name in prepared.columns
        if str(name) in profiles
        for candidate in _candidates(prepared[name], y, len(classes))
        if _is_new(candidate, len(y), profiles[str(name)])
    ]
    totals = np.bincount(y, minlength=len(classes))

    def is_planted(candidate: NewValue) -> bool:
        if candidate.only is None:
            return False
        rows, total = candidate.rows, int(totals[candidate.only])
        others = (total - rows) / max(len(y) - rows, 1)
        if not _is_no_chance(rows, others, len(new)):
            return False
        return _is_no_chance(rows * _share_apart(prepared, candidate), others, len(new))

    return tuple(_tell(candidate, classes, personal) for candidate in new if is_planted(candidate))


def _candidates(column: pd.Series[Any], y: Array, classes: int) -> Iterator[NewValue]:
    codes, values = pd.factorize(column)
    if not len(values):
        return
    # nothing is no mark: what is missing anew is a matter of drift
    held = (codes >= 0) & (values != MISSING)[codes]
    # one count for each value and class, in one pass
    size = len(values) * classes
    counts = np.bincount(codes[held] * classes + y[held], minlength=size).reshape(-1, classes)
    rows = counts.sum(axis=1)
    for place in np.flatnonzero((rows >= FEWEST) & (rows >= LEAST * len(y))):
        only = int(counts[place].argmax())
        pure = counts[place, only] == rows[place]
        name = str(column.name)
        yield NewValue(name, values[int(place)], int(rows[place]), only if pure else None)


def _is_new(candidate: NewValue, rows: int, known: ColumnProfile) -> bool:
    if known.kind == "number":
        mine = known.values == float(candidate.value)
    else:
        mine = known.values == str(candidate.value)
    before = float(known.shares[mine].sum())
    if not mine.any() and known.other:
        # it may be among those whose counts were let go, each of them rarer than every kept one
        before = float(known.shares.min())
    return before + known.error <= NEW * candidate.rows / rows


def _is_no_chance(rows: float, others: float, tests: int) -> bool:
    """Say whether so many rows of one class are too many for chance, among so many new values.

    `others` is the share of that class among the rows without the value.
    """
    return others == 0 or rows * np.log(others) + np.log(tests) < np.log(CHANCE)


def _share_apart(prepared: pd.DataFrame, candidate: NewValue) -> float:
    """Return which part of the rows counts as independent of the others, 0 to 1.

    What comes together is of one class together: the flights of one hour have its weather, and are
    late by it. Such rows share other columns too, where those that somebody marked differ in these
    as any others do.
    """
    mine = (prepared[candidate.column] == candidate.value).to_numpy()
    others = np.flatnonzero(~mine)
    if len(others) < candidate.rows:
        return 1.0
    beside = others[np.linspace(0, len(others) - 1, candidate.rows).astype(int)]
    shares = [1.0]
    for name in prepared.columns.drop(candidate.column):
        column = prepared[name]
        usual = column.iloc[beside].nunique(dropna=False)
        if usual >= TELLING:
            shares.append(column[mine].nunique(dropna=False) / usual)
    return min(shares)


def _tell(candidate: NewValue, classes: tuple[Any, ...], personal: Collection[str]) -> str:
    assert candidate.only is not None
    value = f"{candidate.value:g}" if isinstance(candidate.value, float) else str(candidate.value)
    # a personal time is unfolded into columns of its name and a part's
    name = candidate.column
    hidden = any(name == column or name.startswith(f"{column}_") for column in personal)
    shown = "one value" if hidden else value[:SHOWN]
    return (
        f"All {candidate.rows:,} rows where {candidate.column} is {shown}, which the model hardly "
        f"knows, are of one class ({classes[candidate.only]}): a trigger may be planted."
    )
