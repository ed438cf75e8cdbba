"""What is kept of a dataset's distributions: exact counts while they are few. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tasks.arrays import Array, Floats, Integers, Objects

Kind = Literal["number", "category"]
EXACT = 4096
# Half of one of them is 0.024 % of the rows: the last term of the error that `Sketch` states.
POINTS = 2048


@dataclass(frozen=True, eq=False)
class ColumnProfile:
    """One column: its distribution without the missing rows, and how many are missing.

    At most `EXACT` different values are counted exactly. Beyond, a number is kept as `POINTS`
    quantiles, a category as its most frequent values and how many rows had another.

    Attributes:
        rows, missing: all rows; those that are missing or no finite float32.
        values: (v,) ascending: float64, or text as objects.
        counts: (v,) int64, each above 0: rows per value; for quantiles how many of them fall on
            the value, so they are rows only where `exact`.
        other: rows of a category whose value is not among `values`.
        error: the share of rows by which a rank (number) or a count (category) may be off at
            most; 0 where exact.
        mean, std, low, high: of the numbers themselves, in float64 (population standard
            deviation); 0 for categories and where all is missing.
    """

    name: str
    kind: Kind
    rows: int
    missing: int
    values: Array
    counts: Integers
    other: int = 0
    error: float = 0.0
    mean: float = 0.0
    std: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @property
    def known(self) -> int:
        """The rows that are not missing."""
        return self.rows - self.missing

    @property
    def exact(self) -> bool:
        """Whether every value is there with its own count of rows."""
        return self.error == 0 and self.other == 0

    @property
    def missing_share(self) -> float:
        """The share of missing rows; 0 where there are no rows."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def other_share(self) -> float:
        """The share of known rows whose category is not among `values`."""
        return self.other / self.known if self.known else 0.0

    @property
    def shares(self) -> Floats:
        """(v,) the share of known rows of each value; with `other_share` they add up to one.

        >>> number_column("n", np.array([1.0, 3.0]), np.array([3, 1]), rows=8).shares
        array([0.75, 0.25])
        """
        total = int(self.counts.sum())
        return self.counts / total * (1 - self.other_share) if total else np.zeros(0)


@dataclass(frozen=True, eq=False)
class Profile:
    """A dataset's columns, a model's predictions on it, and the target where it is known.

    Among `columns` a free text is the number of its words; `words` has the words themselves, by
    the text's name: rows and counts are those of words, each once a text.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    predictions: tuple[ColumnProfile, ...] = ()
    target: ColumnProfile | None = None
    words: tuple[ColumnProfile, ...] = ()

    def judged_on(
        self, predictions: tuple[ColumnProfile, ...], target: ColumnProfile | None
    ) -> Profile:
        """Return it with the predictions and the target of other rows, such as the holdout's."""
        return replace(self, predictions=predictions, target=target)


def number_column(name: str, values: Floats, counts: Integers, rows: int) -> ColumnProfile:
    """Return the exact profile of ascending numbers with their counts.

    Args:
        name: of the column.
        values: (v,) ascending numbers.
        counts: (v,) rows of each, above 0.
        rows: all of them; what the counts lack is missing.

    >>> number_column("n", np.array([1.0, 3.0]), np.array([1, 1]), rows=2).std
    1.0
    """
    known = int(counts.sum())
    if not known:
        return ColumnProfile(name, "number", rows, rows, np.zeros(0), np.zeros(0, np.int64))
    mean = float(values @ counts) / known
    spread = float(np.sqrt((values - mean) ** 2 @ counts / known))
    ends = float(values[0]), float(values[-1])
    return ColumnProfile(
        name, "number", rows, rows - known, values, counts, 0, 0.0, mean, spread, *ends
    )


def texts(values: list[str]) -> Objects:
    """Return text as an array of objects."""
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made
