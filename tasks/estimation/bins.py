"""Bins of about equally many holdout rows, in which what the holdout taught is shared. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.arrays import Floats
from tasks.evaluation.calibration import MOST_BINS, ROWS_A_BIN


@dataclass(frozen=True)
class Bins:
    """`edges` between the bins, and the holdout rows in each; equal values share a bin."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def cut(cls, values: Floats, rows: int = ROWS_A_BIN, most: int = MOST_BINS) -> Bins:
        """Cut (n,) values at quantiles: at least so many `rows` in nearly every bin.

        >>> Bins.cut(np.arange(300.0)).counts
        (100, 100, 100)
        """
        wanted = int(np.clip(len(values) // rows, 1, most))
        ordered = np.sort(values)
        edges = np.unique(ordered[(np.arange(1, wanted) * len(values)) // wanted])
        # an edge at the least value would leave an empty bin below it, and a division by zero
        edges = edges[edges > ordered[0]]
        counts = np.bincount(np.searchsorted(edges, values, "right"), minlength=len(edges) + 1)
        return cls(tuple(edges.tolist()), tuple(counts.tolist()))

    def sums(self, values: Floats, weights: Floats) -> Floats:
        """Return the sum of the (n,) weights of the rows whose (n,) value falls into each bin."""
        place = np.searchsorted(np.array(self.edges), values, "right")
        totals = np.bincount(place, weights=weights, minlength=len(self.counts))
        return np.asarray(totals, dtype=np.float64)
