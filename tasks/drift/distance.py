"""How far two profiles of a column are apart, as Evidently 0.7 defines it, from counts. Pure.

Missing rows take no part. A side that is no exact count stands in with the quantiles, or the most
frequent categories, that its profile keeps.
"""

from __future__ import annotations

import numpy as np

from tasks.arrays import Floats
from tasks.drift.profile import ColumnProfile

# These three are Evidently's own, so that its page and our figures agree:
# tests/tasks/drift/test_distance.py compares both.
FEW = 5
BINNED_FROM = 20
LEAST_NORM = 0.001
WASSERSTEIN = "normed Wasserstein distance"
JENSEN_SHANNON = "Jensen-Shannon distance"


def method(reference: ColumnProfile, current: ColumnProfile) -> str:
    """Return the distance that Evidently takes by default for more than 1000 rows.

    Numbers with at most `FEW` different values on both sides together are compared as categories.
    Fewer rows change nothing here: below 1000 Evidently takes p-values, which are no distances.
    """
    if reference.kind == "category":
        return JENSEN_SHANNON
    distinct = len(np.union1d(reference.values, current.values))
    counted = reference.exact and current.exact
    return JENSEN_SHANNON if counted and distinct <= FEW else WASSERSTEIN


def distance(reference: ColumnProfile, current: ColumnProfile) -> float:
    """Return how far they are apart by their `method`; NaN where a side has no known row."""
    if not reference.known or not current.known:
        return float("nan")
    if method(reference, current) == JENSEN_SHANNON:
        before, now = (side / side.sum() for side in align(reference, current))
        return float(jensen_shannon_rows(before[None], now[None])[0])
    apart = wasserstein(reference.values, reference.shares, current.values, current.shares)
    return apart / norm(reference)


def norm(reference: ColumnProfile) -> float:
    """Return what a Wasserstein distance is divided by: the standard deviation, at least 0.001."""
    return max(reference.std, LEAST_NORM)


def wasserstein(reference: Floats, weights: Floats, current: Floats, others: Floats) -> float:
    """Return the first Wasserstein distance of two weighted samples with ascending values.

    The area between both distribution functions: Ramdas, Garcia and Cuturi, On Wasserstein
    Two-Sample Testing and Related Families of Nonparametric Tests, 2017.

    Args:
        reference: (v,) ascending values.
        weights: (v,) how much each of them weighs, in any unit.
        current: (w,) ascending values.
        others: (w,) their weights.

    >>> wasserstein(np.array([0.0, 1.0]), np.array([3, 1]), np.array([1.0, 2.0]), np.array([1, 1]))
    1.25
    """
    points = np.sort(np.concatenate([reference, current]), kind="stable")
    below = _below(points, reference, weights) - _below(points, current, others)
    return float(np.abs(below[:-1]) @ np.diff(points))


def jensen_shannon_rows(first: Floats, second: Floats) -> Floats:
    """Return the (r,) square roots of the Jensen-Shannon divergence of (r, k) rows of shares.

    Each row adds up to one; natural logarithm, so 0 to 0.833. Endres and Schindelin, A New Metric
    for Probability Distributions, 2003. SciPy's takes three to four times as long.

    >>> jensen_shannon_rows(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).round(4)
    array([0.8326])
    """
    middle = (first + second) / 2
    divergence = (_relative(first, middle) + _relative(second, middle)).sum(axis=-1) / 2
    # of equal rows rounding leaves less than nothing
    return np.asarray(np.sqrt(np.maximum(divergence, 0.0)))


def psi(reference: ColumnProfile, current: ColumnProfile) -> float:
    """Return the population stability index; NaN where a side has no known row.

    Over categories, or over numbers of which the reference has at most 20; else over bins of
    equal width by Sturges' rule on both sides together. An empty share counts as 0.0001, or as a
    millionth of the smallest where that is smaller. Siddiqi, Credit Risk Scorecards, 2006. From
    quantiles it is an estimate: they do not tell what is rarer than one of them.

    >>> from tasks.drift.profiling import target_profile
    >>> round(psi(*(target_profile(list(text), ("a", "b")) for text in ("ab", "aaab"))), 4)
    0.2747
    """
    if not reference.known or not current.known:
        return float("nan")
    few = reference.exact and len(reference.values) <= BINNED_FROM
    if reference.kind == "category" or few:
        shares = align(reference, current)
    else:
        edges = _sturges(
            min(reference.low, current.low),
            max(reference.high, current.high),
            reference.known + current.known,
        )
        shares = [
            np.histogram(side.values, edges, weights=side.shares)[0]
            for side in (reference, current)
        ]
    before, now = map(_filled, shares)
    return float(np.sum((before - now) * np.log(before / now)))


def align(reference: ColumnProfile, current: ColumnProfile) -> list[Floats]:
    """Return the shares of the same (k,) values in the reference and now.

    Where a side keeps only its most frequent categories, what it does not name is one value more,
    and so is, on the other side, what this one does not name: fewer values never look further
    apart than they are.

    >>> from tasks.drift.profiling import target_profile
    >>> align(*(target_profile(list(text), ("a", "b", "x")) for text in ("ab", "bxxx")))
    [array([0.5, 0.5, 0. ]), array([0.  , 0.25, 0.75])]
    """
    before = dict(zip(reference.values.tolist(), reference.shares.tolist(), strict=True))
    now = dict(zip(current.values.tolist(), current.shares.tolist(), strict=True))
    keys = list(dict.fromkeys([*before, *now]))
    if reference.other:
        keys = [key for key in keys if key in before]
    if current.other:
        keys = [key for key in keys if key in now]
    sides = [np.array([side.get(key, 0.0) for key in keys]) for side in (before, now)]
    if not reference.other and not current.other:
        return sides
    return [np.append(side, max(0.0, 1.0 - float(side.sum()))) for side in sides]


def _sturges(low: float, high: float, rows: int) -> Floats:
    """Return the edges of `numpy.histogram_bin_edges(values, "sturges")`."""
    width = (high - low) / (np.log2(rows) + 1.0)
    bins = int(np.ceil((high - low) / width)) if width else 1
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def _filled(shares: Floats) -> Floats:
    least = float(shares[shares > 0].min())
    return np.where(shares > 0, shares, least / 10**6 if least <= 0.0001 else 0.0001)


def _below(points: Floats, values: Floats, weights: Floats) -> Floats:
    """Return the share of rows at or below each point."""
    sums = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    return np.asarray(sums[np.searchsorted(values, points, side="right")] / sums[-1])


def _relative(part: Floats, middle: Floats) -> Floats:
    """Return p log(p / m), which is 0 where p is."""
    there = part > 0
    return np.where(there, part * np.log(np.where(there, part, 1) / np.where(there, middle, 1)), 0)
