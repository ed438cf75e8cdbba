"""What sampling alone would show: drawn from the reference, always in the same way. Pure.

Numbers by a parametric bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 6) of the hypothesis that nothing changed: both sides are drawn again from the reference's
distribution, as many rows each as there are, for the reference is a sample too. Categories by
random splits of the reference (there, chapter 15): drawn again with replacement a category could
not be new, and of many rare ones some always are.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tasks.arrays import Floats
from tasks.drift.distance import JENSEN_SHANNON, jensen_shannon_rows, norm
from tasks.drift.profile import ColumnProfile

CONFIDENCE = 0.99
ROUNDS = 300
STEPS = 256
# Numbers that are drawn at once: 1 MB, which a processor's cache holds.
CELLS = 2**17
# NumPy's marginals method takes fewer than a thousand million rows; shares of ten times less are
# the same to many digits.
MOST = 10**8
# Any number, but always the same: equal profiles have to have equal limits, today and in a replay.
SEED = 20_130_101


# a model meets many batches of the same size, and a profile is compared by identity
@lru_cache(maxsize=256)
def distance_by_chance(reference: ColumnProfile, rows: int, how: str) -> float:
    """Return the distance that `rows` rows of the reference's own distribution rarely exceed.

    The 0.99 quantile of `ROUNDS` draws. Numbers are drawn by at most `STEPS` of their quantiles.

    >>> from tasks.drift.profiling import target_profile
    >>> coin = target_profile(["a", "b"] * 50_000, ("a", "b"))
    >>> [round(distance_by_chance(coin, rows, JENSEN_SHANNON), 2) for rows in (20, 20_000)]
    [0.18, 0.01]
    """
    rng = np.random.default_rng(SEED)
    if how == JENSEN_SHANNON:
        return float(np.quantile(_split(rng, reference, rows), CONFIDENCE))
    values, shares = _steps(reference)
    between = np.diff(values)
    shares = shares / shares.sum()
    before = rng.multinomial(reference.known, shares, ROUNDS) / reference.known
    now = rng.multinomial(rows, shares, ROUNDS) / rows
    areas = np.abs(np.cumsum(before - now, axis=1)[:, :-1]) @ between
    return float(np.quantile(areas, CONFIDENCE)) / norm(reference)


def shift_by_chance(hits: int, reference: int, rows: int) -> float:
    """Return how far a share rarely shifts: `hits` of `reference` rows before, `rows` rows now.

    >>> shift_by_chance(5, 10, 10) > 0.4, shift_by_chance(5_000, 10_000, 10_000) < 0.03
    (True, True)
    """
    rng = np.random.default_rng(SEED)
    # Jeffreys' estimate: what never happened in a few rows is not held impossible
    share = (hits + 0.5) / (reference + 1)
    before = rng.binomial(reference, share, 10 * ROUNDS) / reference
    now = rng.binomial(rows, share, 10 * ROUNDS) / rows
    return float(np.quantile(np.abs(before - now), CONFIDENCE))


def unseen_by_chance(reference: ColumnProfile, rows: int) -> float:
    """Return the share of `rows` rows that rarely falls into categories nobody saw before.

    Good and Turing expect the share of the reference's values seen once: Good, The Population
    Frequencies of Species and the Estimation of Population Parameters, 1953.

    >>> from tasks.drift.profiling import target_profile
    >>> unseen_by_chance(target_profile(["a", "b"] * 500, ("a", "b")), 100)
    0.0
    >>> unseen_by_chance(target_profile(list("abcccccccc"), ("a", "b", "c")), 100)
    0.3
    """
    rng = np.random.default_rng(SEED)
    once = int((reference.counts == 1).sum())
    drawn = rng.binomial(rows, once / reference.known, 10 * ROUNDS)
    return float(np.quantile(drawn, CONFIDENCE)) / rows


def _split(rng: np.random.Generator, reference: ColumnProfile, rows: int) -> Floats:
    """Return (`ROUNDS`,) Jensen-Shannon distances of a part of the reference from the rest."""
    if reference.known < 2:
        return np.ones(1)
    counts = np.append(reference.counts, reference.other)
    if counts.sum() > MOST:
        counts = (counts * (MOST / counts.sum())).astype(np.int64)
    total = int(counts.sum())
    # at most half: there is no more to split, and a smaller part shows more noise, never less
    taken = min(rows, total // 2)
    piece = max(1, CELLS // len(counts))
    apart = []
    for done in range(0, ROUNDS, piece):
        size = min(piece, ROUNDS - done)
        now = rng.multivariate_hypergeometric(counts, taken, size, method="marginals")
        apart.append(jensen_shannon_rows((counts - now) / (total - taken), now / taken))
    return np.concatenate(apart)


def _steps(profile: ColumnProfile) -> tuple[Floats, Floats]:
    """Return at most `STEPS` values with their shares: the profile's, or its quantiles."""
    if len(profile.values) <= STEPS:
        return profile.values, profile.shares
    reached = np.cumsum(profile.shares)
    at = np.searchsorted(reached, (np.arange(STEPS) + 0.5) / STEPS).clip(max=len(reached) - 1)
    places, counts = np.unique(at, return_counts=True)
    return profile.values[places], counts / STEPS
