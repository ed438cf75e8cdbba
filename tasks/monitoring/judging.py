"""The deciding metric on a batch, with its interval, as fast as thousands of batches need. Pure."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tasks.arrays import Array, Floats
from tasks.evaluation.bootstrap import Interval, Sampling, interval, percentile_interval
from tasks.evaluation.evaluate import rounds_for
from tasks.evaluation.metrics import METRICS, NAN, positive
from tasks.policy.situation import MetricValue

# Rows times rounds that are drawn at once: 16 MB of float64, of which `areas` holds a few.
TOGETHER = 2_000_000


def live_figure(
    metric: str, y: Array, predictions: Floats, rows: int, *, confidence: float, seed: int
) -> MetricValue | None:
    """Return the metric on (n,) labels of a batch of `rows`, in time order.

    NaN where the labels are of one class, None without any.

    Args:
        metric: that decides.
        y: (n,) class indices or values of the rows that have a label.
        predictions: (n, k) probabilities, or (n,) values.
        rows: of the batch, labelled or not.
        confidence: of the interval, such as 0.95.
        seed: of its resampling.

    >>> live_figure("accuracy", np.zeros(0, int), np.zeros((0, 2)), 9, confidence=0.9, seed=1)
    """
    if not len(y):
        return None
    if predictions.ndim == 2 and len(np.unique(y)) < 2:
        return MetricValue(metric, NAN, NAN, NAN, rows, len(y))
    found = bootstrap(metric, y, predictions, confidence, seed)
    return MetricValue(metric, found.value, found.low, found.high, rows, len(y))


def bootstrap(metric: str, y: Array, predictions: Floats, confidence: float, seed: int) -> Interval:
    """Return what `bootstrap.interval` does, from the same draws.

    A backtest asks thousands of times for few rows each. The draws depend on the number of rows
    only, and the area under the ROC curve takes all of them at once: some twenty times faster.

    Args:
        metric: its name.
        y: (n,) class indices, or values for a regression.
        predictions: (n, k) or (n,) probabilities, or (n,) values.
        confidence: of the interval.
        seed: of the resampling.
    """
    rounds = rounds_for(len(y))
    if metric != "roc_auc" or rounds * len(y) > TOGETHER or not np.isfinite(predictions).all():
        return interval(METRICS[metric], y, predictions, Sampling(confidence, seed, rounds))
    draws = areas(y, positive(predictions), draw_counts(len(y), seed, rounds))
    return percentile_interval(METRICS[metric].score(y, predictions), draws, confidence)


def areas(y: Array, score: Floats, counts: Floats) -> Floats:
    """Return the (rounds,) areas under the ROC curve for (rounds, n) counts of the rows.

    Args:
        y: (n,) class indices, 0 or 1.
        score: (n,) probabilities of class 1, or any other order of the rows.
        counts: (rounds, n) how often each row was drawn.

    >>> y, score = np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.3, 0.5])
    >>> areas(y, score, np.ones((1, 4), np.uint8)).tolist()
    [0.75]
    """
    order = np.argsort(score, kind="stable")
    hit = y[order] == 1
    up, down = score[order[hit]], score[order[~hit]]
    # a column in front of the sums: no row is below the lowest one
    misses = np.zeros((len(counts), len(down) + 1), dtype=np.float64)
    np.cumsum(counts[:, order[~hit]], axis=1, out=misses[:, 1:])
    below = misses[:, np.searchsorted(down, up, side="left")]
    upto = misses[:, np.searchsorted(down, up, side="right")]
    hits = counts[:, order[hit]]
    pairs = 2.0 * hits.sum(axis=1) * misses[:, -1]
    wins = np.einsum("ij,ij->i", hits, below + upto)
    found: Floats = np.divide(wins, pairs, out=np.full(len(counts), NAN), where=pairs > 0)
    return found


# a backtest meets the same numbers of rows with every model; 8 tables of at most 16 MB
@lru_cache(maxsize=8)
def draw_counts(rows: int, seed: int, rounds: int) -> Floats:
    """Return the (rounds, rows) counts of the bootstrap of `tasks.evaluation.bootstrap`."""
    rng = np.random.default_rng(seed)
    made = np.empty((rounds, rows), dtype=np.float64)
    for row in made:
        row[:] = np.bincount(rng.integers(0, rows, size=rows, dtype=np.int64), minlength=rows)
    return made
