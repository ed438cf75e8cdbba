"""Percentile bootstrap intervals (Efron and Tibshirani 1993, chapter 13).

Rows are drawn with replacement, all of them in every round: nothing is sub-sampled. A round is
a vector of counts, and the same counts serve every metric and both models.

Hand-made, since `scipy.stats.bootstrap` copies the rows for each round and a metric sorts them
again: of the area under the ROC curve on 30,000 rows it took 0.91 CPU-seconds for 100 rounds, this
one 0.15 for 500, with bounds that agree to 0.001.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.arrays import Array, Floats
from tasks.evaluation.metrics import NAN, Metric, Weighted
from tasks.records import MaybeNaN, plain

# At 95 % each tail is then drawn some twelve times. tests/tasks/evaluation/test_bootstrap.py holds
# the coverage to what is stated.
ROUNDS = 500


@dataclass(frozen=True)
class Interval:
    """A figure and its bounds; all NaN where the figure is undefined."""

    value: MaybeNaN
    low: MaybeNaN
    high: MaybeNaN

    def to_dict(self) -> dict[str, float | None]:
        """Return plain JSON; NaN becomes null."""
        content: dict[str, float | None] = plain(self, nan_as_null=True)
        return content


@dataclass(frozen=True)
class Sampling:
    """How rows are drawn again, and the intervals' nominal coverage, such as 0.95.

    Equal seeds give equal intervals. `widening` is by how much they are wider than the draws of
    rows alone say (`tasks.dataset.evidence.widening`). Of rows that were judged several times, one
    judgement after the other, `repeats` says how often: they are drawn together.
    """

    confidence: float
    seed: int
    rounds: int = ROUNDS
    widening: float = 1.0
    repeats: int = 1


def finite_or_none(value: float) -> float | None:
    """Return a float that strict JSON can hold: None for NaN and the infinities."""
    return float(value) if math.isfinite(value) else None


def interval(metric: Metric, y: Array, predictions: Floats, sampling: Sampling) -> Interval:
    """Return the metric with its percentile bootstrap interval.

    Args:
        metric: what to compute.
        y: (n,) labels.
        predictions: (n, k) probabilities or (n,) values.
        sampling: how the rows are drawn again.
    """
    return _interval(metric.weighted(y, predictions), len(y), sampling)


def paired_gain(
    metric: Metric, y: Array, challenger: Floats, champion: Floats, sampling: Sampling
) -> Interval:
    """Return how much better the challenger is than the champion on the same rows.

    Positive means that the challenger is better, whatever the metric's direction. Both models
    are judged on the same resampled rows, so what is hard for both cancels out.

    Args:
        metric: what to compute.
        y: (n,) labels.
        challenger, champion: (n, k) probabilities or (n,) values of the new and the old model.
        sampling: how the rows are drawn again.
    """
    new, old = metric.weighted(y, challenger), metric.weighted(y, champion)
    return _interval(lambda w: metric.gain(new(w), old(w)), len(y), sampling)


def _interval(figure: Weighted, rows: int, sampling: Sampling) -> Interval:
    values, draws = resample([figure], rows, sampling)
    return percentile_interval(values[0], draws[0], sampling.confidence)


def resample(figures: Sequence[Weighted], rows: int, sampling: Sampling) -> tuple[Floats, Floats]:
    """Return the (f,) figures and their (f, rounds) values, all on the same resampled rows.

    A figure that is undefined on the rows as they are is not resampled; its values are NaN.
    """
    values = np.array([figure(np.ones(rows)) for figure in figures], dtype=float)
    draws = np.full((len(figures), sampling.rounds), NAN)
    known = [place for place, value in enumerate(values) if not math.isnan(value)]
    if not known:
        return values, draws
    rng, different = np.random.default_rng(sampling.seed), rows // sampling.repeats
    # one round at a time: all counts at once would take rounds x rows x 8 bytes, 4 GB of a million
    # rows
    for column in range(sampling.rounds):
        # int64 on every platform: another width draws other rows from the same seed
        drawn = rng.integers(0, different, size=different, dtype=np.int64)
        counts = np.bincount(drawn, minlength=different).astype(float).repeat(sampling.repeats)
        draws[known, column] = [figures[place](counts) for place in known]
    if sampling.widening != 1:
        # about the figures themselves: a gain is a difference, and widens as the figures do
        draws = values[:, None] + sampling.widening * (draws - values[:, None])
    return values, draws


def percentile_interval(value: float, draws: Floats, confidence: float) -> Interval:
    """Return the percentile interval of a figure from its (rounds,) resampled values.

    Rounds in which it is undefined (a class was not drawn) are left out; where more than half
    are, the bounds are NaN.

    Args:
        value: the figure on the rows as they are.
        draws: (rounds,) the figure on resampled rows.
        confidence: the interval's nominal coverage.

    >>> percentile_interval(2.0, np.array([1.0, 2.0, 3.0, float("nan")]), 0.5)
    Interval(value=2.0, low=1.5, high=2.5)
    """
    known = draws[~np.isnan(draws)]
    if math.isnan(value) or len(known) * 2 < len(draws):
        return Interval(float(value), NAN, NAN)
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(float(value), float(low), float(high))
