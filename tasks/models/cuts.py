"""Between which thresholds a value lies, for very many values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.arrays import Integers, Singles

# Cells of a ruler: 32 KiB of counts, which stay in a processor's first cache.
CELLS = 4096
# Thresholds of one cell: each costs a comparison of every value; beyond six, a search is taken.
DEEPEST = 6


@dataclass(frozen=True)
class Cuts:
    """Thresholds, and a ruler over them: a cell of it says how many lie before the cell.

    What a value's cell does not settle takes as many comparisons as a cell has thresholds, `depth`.
    Where thresholds crowd in few cells there is no ruler, and they are searched.
    """

    thresholds: Singles
    scale: np.float32
    before: Integers
    depth: int

    @classmethod
    def of(cls, thresholds: Singles) -> Cuts:
        """Make the ruler for (m,) increasing float32 thresholds, one at least."""
        first, last = float(thresholds[0]), float(thresholds[-1])
        with np.errstate(over="ignore"):
            scale = np.float32((CELLS - 1) / (last - first)) if last > first else np.float32(1)
        cells = _cells(thresholds, thresholds[0], scale)
        counts = np.bincount(cells, minlength=CELLS)
        before = np.concatenate([[0], np.cumsum(counts)[:-1]])
        return cls(thresholds, scale, before, int(counts.max()))

    def bins(self, values: Singles) -> Integers:
        """Return how many thresholds are below each of (n,) float32 values.

        NaN has one more than there are.

        >>> cuts = Cuts.of(np.array([1, 2, 5], np.float32))
        >>> cuts.bins(np.array([0, 1, 1.5, 9, np.nan], np.float32)).tolist()
        [0, 0, 1, 3, 4]
        """
        if self.depth > DEEPEST:
            found = np.searchsorted(self.thresholds, values)
        else:
            # A cell grows with the value, so thresholds in earlier cells are below it, and those
            # in later ones are not.
            found = np.take(self.before, _cells(values, self.thresholds[0], self.scale))
            closed = np.append(self.thresholds, np.float32(np.inf))
            for _ in range(self.depth):
                found += values > np.take(closed, found)
        found[np.isnan(values)] = len(self.thresholds) + 1
        return found


def _cells(values: Singles, first: Any, scale: Any) -> Integers:
    with np.errstate(over="ignore", invalid="ignore"):
        cells = (values - first) * scale
    # unlike clip, these two put NaN in the first cell
    np.fmax(cells, np.float32(0), out=cells)
    np.fmin(cells, np.float32(CELLS - 1), out=cells)
    places: Integers = cells.astype(np.int64)
    return places
