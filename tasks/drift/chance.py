"""What sampling alone would show: drawn from the reference, always in the same way. Pure.

A parametric bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 6)
of the hypothesis that nothing changed. Both sides are drawn again from the reference's counts, as
many rows each as there are, for the reference is a sample too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.drift.distance import JENSEN_SHANNON, jensen_shannon_rows, norm
from tasks.drift.profile import ColumnProfile

Array = NDArray[Any]
CONFIDENCE = 0.99
ROUNDS = 300
STEPS = 256
CELLS = 2**19
SEED = 20_130_101


def distance_by_chance(reference: ColumnProfile, rows: int, how: str) -> float:
    """Return the distance that `rows` rows of the reference's own distribution rarely exceed.

    The 0.99 quantile of `ROUNDS` draws. Numbers are drawn by at most `STEPS` of their quantiles.

    >>> from tasks.drift.profile import column
    >>> coin = column("c", ["a", "b"], [50_000, 50_000], rows=100_000)
    >>> [round(distance_by_chance(coin, rows, JENSEN_SHANNON), 2) for rows in (20, 20_000)]
    [0.19, 0.01]
    """
    rng = np.random.default_rng(SEED)
    shares = np.append(reference.shares, reference.other_share)
    if how == JENSEN_SHANNON:
        apart = _drawn(rng, shares, reference.known, rows, jensen_shannon_rows)
        return float(np.quantile(apart, CONFIDENCE))
    values, shares = _steps(reference)
    between = np.diff(values)

    def areas(first: Array, second: Array) -> Array:
        return np.asarray(np.abs(np.cumsum(first - second, axis=1)[:, :-1]) @ between)

    apart = _drawn(rng, shares, reference.known, rows, areas)
    return float(np.quantile(apart, CONFIDENCE)) / norm(reference)


def shift_by_chance(hits: int, reference: int, rows: int) -> float:
    """Return how far a share rarely shifts: `hits` of `reference` rows before, `rows` rows now.

    The share drawn from is (hits + 1/2) / (reference + 1), Jeffreys' estimate, so that what never
    happened in a few rows is not held impossible.

    >>> shift_by_chance(5, 10, 10) > 0.4, shift_by_chance(5_000, 10_000, 10_000) < 0.03
    (True, True)
    """
    rng = np.random.default_rng(SEED)
    share = (hits + 0.5) / (reference + 1)
    before = rng.binomial(reference, share, 10 * ROUNDS) / reference
    now = rng.binomial(rows, share, 10 * ROUNDS) / rows
    return float(np.quantile(np.abs(before - now), CONFIDENCE))


def unseen_by_chance(reference: ColumnProfile, rows: int) -> float:
    """Return the share of `rows` rows that rarely falls into categories nobody saw before.

    Good and Turing expect the share of the reference's values seen once: Good, The Population
    Frequencies of Species and the Estimation of Population Parameters, 1953.

    >>> from tasks.drift.profile import column
    >>> unseen_by_chance(column("c", ["a", "b"], [500, 500], 1000), 100)
    0.0
    >>> unseen_by_chance(column("c", ["a", "b", "c"], [1, 1, 8], 10), 100)
    0.3
    """
    rng = np.random.default_rng(SEED)
    once = int((reference.counts == 1).sum())
    drawn = rng.binomial(rows, once / reference.known, 10 * ROUNDS)
    return float(np.quantile(drawn, CONFIDENCE)) / rows


def _drawn(rng: np.random.Generator, shares: Array, before: int, now: int, apart: Any) -> Array:
    """Return (`ROUNDS`,) distances of two draws, in pieces of bounded size."""
    shares = shares / shares.sum()
    piece = max(1, CELLS // len(shares))
    sizes = [min(piece, ROUNDS - done) for done in range(0, ROUNDS, piece)]
    return np.concatenate(
        [
            apart(
                rng.multinomial(before, shares, size) / before,
                rng.multinomial(now, shares, size) / now,
            )
            for size in sizes
        ]
    )


def _steps(profile: ColumnProfile) -> tuple[Array, Array]:
    """Return at most `STEPS` values with their shares: the profile's, or its quantiles."""
    if len(profile.values) <= STEPS:
        return profile.values, profile.shares
    reached = np.cumsum(profile.shares)
    at = np.searchsorted(reached, (np.arange(STEPS) + 0.5) / STEPS).clip(max=len(reached) - 1)
    places, counts = np.unique(at, return_counts=True)
    return profile.values[places], counts / STEPS
