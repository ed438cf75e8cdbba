"""Plots of what columns add to a model's answers, as PNG bytes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.arrays import Array
from tasks.errors import bounded
from tasks.tracking.plots import BLUE, GREY, ORANGE, canvas, png, safe, shades

SHADES = shades(BLUE, "#b9bec6", ORANGE)
# More would lie upon one another at the figure's 640 pixels.
MOST_COLUMNS, MOST_POINTS, MOST_LEVELS, BINS = 12, 400, 12, 24


def summary(columns: Mapping[str, tuple[Array, Array | None]], of: str, unit: str) -> bytes:
    """Draw, a line a column, what it adds to each row; at most 12 columns.

    Low values are blue, high ones orange.

    Args:
        columns: by name, (n,) contributions and the (n,) values behind them, None for no numbers.
        of, unit: what is explained, and the unit of the contributions.
    """
    shown = list(columns.items())[:MOST_COLUMNS][::-1]
    title = f"What each column adds to {safe(bounded(of, 30))}"
    figure, axes = canvas(title, safe(unit), "", rows=len(shown))
    axes.axvline(0, color=GREY, lw=1)
    for place, (_, (adds, values)) in enumerate(shown):
        some = np.linspace(0, len(adds) - 1, min(len(adds), MOST_POINTS)).astype(int)
        heights = place + _swarm(adds[some])
        if values is None:
            axes.scatter(adds[some], heights, s=5, color=GREY, lw=0)
        else:
            axes.scatter(adds[some], heights, s=5, c=_ranks(values[some]), cmap=SHADES, lw=0)
    axes.set_yticks(range(len(shown)), [safe(bounded(name, 32)) for name, _ in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    return png(figure)


def dependence(column: str, values: Sequence[Any], adds: Array, of: str, unit: str) -> bytes:
    """Draw what a column adds against its values.

    Args:
        column, values: its name, and its (n,) numbers or texts.
        adds: (n,) contributions.
        of, unit: what is explained, and the unit of the contributions.
    """
    title = f"{safe(bounded(column, 30))}: what it adds to {safe(bounded(of, 24))}"
    figure, axes = canvas(title, safe(bounded(column, 60)), safe(unit))
    axes.axhline(0, color=GREY, lw=1)
    some = np.linspace(0, len(adds) - 1, min(len(adds), 2 * MOST_POINTS)).astype(int)
    across = np.asarray(values)
    if across.dtype.kind in "OUT":
        levels, counts = np.unique(across.astype(str), return_counts=True)
        frequent = levels[np.argsort(-counts, kind="stable")][:MOST_LEVELS]
        place = {level: i for i, level in enumerate(frequent.tolist())}
        there = [row for row in some.tolist() if str(across[row]) in place]
        spots = np.array([place[str(across[row])] for row in there], float)
        axes.scatter(spots + _swarm(adds[there]), adds[there], s=9, color=BLUE, lw=0)
        axes.set_xticks(range(len(frequent)), [safe(bounded(level, 12)) for level in frequent])
        axes.tick_params(axis="x", labelrotation=0 if len(frequent) <= 6 else 45)
    else:
        axes.scatter(across[some].astype(float), adds[some], s=9, color=BLUE, lw=0)
    return png(figure)


def _swarm(adds: Array) -> Array:
    """Return offsets that are wider where more points lie, the same for the same points."""
    if not len(adds) or np.ptp(adds) == 0:
        return np.linspace(-0.3, 0.3, len(adds))
    bins = np.minimum(((adds - adds.min()) / np.ptp(adds) * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    seen = np.zeros(BINS, int)
    offsets = np.empty(len(adds))
    for place, cell in enumerate(bins.tolist()):
        offsets[place] = (seen[cell] / max(1, counts[cell] - 1) - 0.5) * counts[cell]
        seen[cell] += 1
    return np.asarray(offsets / max(counts.max(), 1) * 0.7)


def _ranks(values: Array) -> Array:
    known = np.isfinite(values)
    ranks = np.full(len(values), 0.5)
    if known.any():
        _, place = np.unique(values[known], return_inverse=True)
        ranks[known] = place / max(1, place.max())
    return ranks
