"""The metrics a pipeline can be judged by, each computed on weighted rows.

A metric is prepared once for labels and predictions (sorting, per-row losses) and answers for any
weights of the rows: the counts of a bootstrap round are such, so 500 rounds sort nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from tasks.arrays import Array, Floats, Integers
from tasks.config import METRICS as NAMES
from tasks.errors import DataError

Weighted = Callable[[Floats], float]
NAN = float("nan")


@dataclass(frozen=True)
class Metric:
    """One metric: its name, its direction, how it is computed, and whether it sees order alone."""

    name: str
    greater_is_better: bool
    build: Callable[[Array, Floats], Weighted]
    ranks: bool = False

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks it serves."""
        return tuple(task for task in NAMES if self.name in NAMES[task])

    @property
    def bounds(self) -> tuple[float, float]:
        """Between what it lies: at most 1 where greater is better, an error at least 0."""
        return (-np.inf, 1.0) if self.greater_is_better else (0.0, np.inf)

    def score(self, y: Array, predictions: Floats) -> float:
        """Return the metric of `predictions` against `y`.

        Args:
            y: (n,) class indices 0..k-1, or values for regression.
            predictions: (n, k) probabilities (binary also (n,), of class 1), or (n,) values.

        Raises:
            DataError: the lengths differ.

        Returns NaN where the metric is undefined: no rows, a prediction that is not finite, or
        one class where the metric needs two.

        >>> METRICS["roc_auc"].score(np.array([0, 1, 1]), np.array([0.1, 0.9, 0.3]))
        1.0
        """
        return self.weighted(y, predictions)(np.ones(len(y)))

    def weighted(self, y: Array, predictions: Floats) -> Weighted:
        """Prepare the metric for these rows; the result takes (n,) weights, all at least 0."""
        y, predictions = np.asarray(y), np.asarray(predictions)
        if len(y) != len(predictions):
            came = f"{len(y)} labels and {len(predictions)} predictions"
            raise DataError(self.name, "every row has one prediction", came)
        if len(y) == 0 or not (np.isfinite(y).all() and np.isfinite(predictions).all()):
            return lambda _: NAN
        return self.build(y, predictions)

    def gain(self, challenger: Any, champion: Any) -> Any:
        """Return how much better the challenger's figures are; positive whatever the direction.

        Floats, or arrays of figures.

        >>> METRICS["rmse"].gain(1.0, 1.5)
        0.5
        """
        return challenger - champion if self.greater_is_better else champion - challenger


def positive(predictions: Floats) -> Floats:
    """Return the (n,) probability of class 1 from (n, 2) or (n,) probabilities."""
    return predictions if predictions.ndim == 1 else predictions[:, -1]


def probabilities(predictions: Floats) -> Floats:
    """Return (n, k) probabilities; (n,) means the probability of class 1."""
    if predictions.ndim == 2:
        return predictions
    return np.column_stack([1 - predictions, predictions])


def classes(predictions: Floats) -> Integers:
    """Return the (n,) most probable class; the lower index where two are equal."""
    index: Integers = probabilities(predictions).argmax(axis=1)
    return index


def _ratio(top: Any, bottom: Any) -> float:
    return float(top / bottom) if bottom > 0 else NAN


def _dot(a: Floats, b: Floats) -> float:
    # BLAS would start threads for each of the thousands of small products; einsum does not.
    return float(np.einsum("i,i->", a, b))


def _mean(loss: Floats) -> Weighted:
    return lambda w: _ratio(_dot(w, loss), w.sum())


@dataclass(frozen=True)
class _Ranking:
    """Rows sorted by score once: where each positive stands among the negatives.

    `below` and `upto` count the negatives with a lower score and with at most the same score;
    `first` is the place of the lowest positive with the same score.
    """

    positives: Integers
    negatives: Integers
    below: Integers
    upto: Integers
    first: Integers


def _rank(y: Array, score: Floats) -> _Ranking:
    order = np.argsort(score, kind="stable")
    hit = y[order] == 1
    positives, negatives = order[hit], order[~hit]
    up, down = score[positives], score[negatives]
    return _Ranking(
        positives,
        negatives,
        np.searchsorted(down, up, side="left"),
        np.searchsorted(down, up, side="right"),
        np.searchsorted(up, up, side="left"),
    )


def _running(w: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(w)])


def _area(rank: _Ranking) -> Weighted:
    def score(w: Floats) -> float:
        hits, misses = w[rank.positives], _running(w[rank.negatives])
        # a tie counts one half: twice the wins are those below and those at most as high
        wins = misses[rank.below] + misses[rank.upto]
        return _ratio(_dot(hits, wins), 2 * hits.sum() * misses[-1])

    return score


def _roc_auc(y: Array, predictions: Floats) -> Weighted:
    return _area(_rank(y, positive(predictions)))


def _average_precision(y: Array, predictions: Floats) -> Weighted:
    rank = _rank(y, positive(predictions))

    def score(w: Floats) -> float:
        hits, misses = _running(w[rank.positives]), _running(w[rank.negatives])
        if misses[-1] == 0:
            return NAN
        # rows of one score pass a threshold together, whatever their order
        true = hits[-1] - hits[rank.first]
        flagged = true + misses[-1] - misses[rank.below]
        precision = np.divide(true, flagged, out=np.zeros_like(true), where=flagged > 0)
        return _ratio(_dot(np.diff(hits), precision), hits[-1])

    return score


def _log_loss(y: Array, predictions: Floats) -> Weighted:
    chance = probabilities(predictions)
    # clipped as scikit-learn's log_loss clips: by the precision of the answers themselves
    tiny = float(np.finfo(chance.dtype if chance.dtype.kind == "f" else float).eps)
    known = chance[np.arange(len(y)), y.astype(int)].astype(float)
    return _mean(-np.log(np.clip(known, tiny, 1 - tiny)))


def _brier(y: Array, predictions: Floats) -> Weighted:
    return _mean((positive(predictions).astype(float) - y) ** 2)


def _accuracy(y: Array, predictions: Floats) -> Weighted:
    return _mean((classes(predictions) == y).astype(float))


def _f1(y: Array, predictions: Floats) -> Weighted:
    flagged, late = classes(predictions) == 1, (y == 1).astype(float)
    both, either = flagged * late, flagged + late

    def score(w: Floats) -> float:
        positives = _dot(w, late)
        # of one class scikit-learn would warn and answer 0 or 1
        if positives in (0, w.sum()):
            return NAN
        return _ratio(2 * _dot(w, both), _dot(w, either))

    return score


def _f1_macro(y: Array, predictions: Floats) -> Weighted:
    k = probabilities(predictions).shape[1]
    cell = y.astype(int) * k + classes(predictions)

    def score(w: Floats) -> float:
        table = np.bincount(cell, weights=w, minlength=k * k).reshape(k, k)
        known, said = table.sum(axis=1), table.sum(axis=0)
        if np.count_nonzero(known) < 2:
            return NAN
        seen = (known + said) > 0
        return float(np.mean(2 * np.diag(table)[seen] / (known + said)[seen]))

    return score


def _roc_auc_ovr(y: Array, predictions: Floats) -> Weighted:
    """One class against the rest, the plain mean over the classes that the rows hold."""
    chance = probabilities(predictions)
    each = [_area(_rank(y == i, chance[:, i])) for i in np.unique(y).astype(int)]

    def score(w: Floats) -> float:
        areas = [area(w) for area in each]
        # a round of the bootstrap may have drawn no row of a rare class
        known = [area for area in areas if not np.isnan(area)]
        return float(np.mean(known)) if len(known) > 1 else NAN

    return score


def _rmse(y: Array, predictions: Floats) -> Weighted:
    mean = _mean((predictions.astype(float) - y) ** 2)
    return lambda w: float(np.sqrt(mean(w)))


def _mae(y: Array, predictions: Floats) -> Weighted:
    return _mean(np.abs(predictions.astype(float) - y))


def _r2(y: Array, predictions: Floats) -> Weighted:
    error = (predictions.astype(float) - y) ** 2
    # Centring first keeps the weighted variance exact for labels far from zero.
    centred = y.astype(float) - y.mean()

    def score(w: Floats) -> float:
        middle = _ratio(_dot(w, centred), w.sum())
        total = _dot(w, (centred - middle) ** 2)
        return 1 - _ratio(_dot(w, error), total)

    return score


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("roc_auc", True, _roc_auc, ranks=True),
            Metric("average_precision", True, _average_precision, ranks=True),
            Metric("log_loss", False, _log_loss),
            Metric("brier", False, _brier),
            Metric("accuracy", True, _accuracy),
            Metric("f1", True, _f1),
            Metric("f1_macro", True, _f1_macro),
            Metric("roc_auc_ovr", True, _roc_auc_ovr, ranks=True),
            Metric("rmse", False, _rmse),
            Metric("mae", False, _mae),
            Metric("r2", True, _r2),
        )
    }
)


def task_metrics(task: str) -> tuple[Metric, ...]:
    """Return the metrics that serve this task, in the order the pipeline file lists them."""
    return tuple(METRICS[name] for name in NAMES[task])
