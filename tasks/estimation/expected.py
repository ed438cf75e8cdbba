"""What a metric is expected to be when labels are known only as probabilities. Pure.

CBPE, confidence-based performance estimation, as NannyML defines it (Białek, Kuberski, Perrakis
and Bifet 2024, "Estimating Model Performance Under Covariate Shift Without Labels"): the
expected confusion matrix, at every threshold that a metric needs, from calibrated probabilities.
A row is never compared with itself, so that few rows do not bias a ranking.

Hand-made, since NannyML 0.13 cannot stand beside us: it wants LightGBM below 4.6, and we fit with
4.7. On the data that it ships the estimate misses the true Brier score by 0.0026 on average over
42 chunks, where "as on the holdout" misses it by 0.0040: tests/tasks/estimation/test_nannyml.py.

Each metric comes with its gradient, the change that one row's label makes. With independent
labels it gives the metric's variance in closed form (the delta method).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tasks.arrays import Floats, Integers
from tasks.evaluation.metrics import NAN, classes, positive, probabilities

Expected = tuple[float, Floats]
Expect = Callable[[Floats, Floats], Expected]


def expected_metric(metric: str, chance: Floats, predictions: Floats) -> Expected:
    """Return the expected metric of `predictions`, and its gradient.

    Args:
        metric: a name of `tasks.config.METRICS` for classes.
        chance: (n, k) probabilities of the labels.
        predictions: (n, k) or (n,) probabilities that the model stated.

    The gradient is (n, k): how the metric changes with the indicator that a row is of a class.
    NaN where less than one row is expected of a class that the metric needs.

    >>> chance = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    >>> value, _ = expected_metric("accuracy", chance, np.array([0.1, 0.9, 0.9]))
    >>> round(value, 6)
    0.833333
    """
    return _METRICS[metric](chance, predictions)


def variance(gradient: Floats, chance: Floats) -> float:
    """Return the variance that independent labels of (n, k) probabilities give the metric.

    >>> variance(np.array([[0.0, 0.5], [0.0, 0.5]]), np.array([[0.5, 0.5], [1.0, 0.0]]))
    0.0625
    """
    return float((chance * centre(gradient, chance) ** 2).sum())


def centre(gradient: Floats, chance: Floats) -> Floats:
    """Return the (n, k) gradient without each row's expected part, which no label can change."""
    middle: Floats = gradient - (chance * gradient).sum(axis=1, keepdims=True)
    return middle


def area(chance: Floats, score: Floats) -> Expected:
    """Return the expected area under the ROC curve, and its (n,) gradient.

    Args:
        chance, score: (n,) probabilities that the label is 1, and what the rows are ranked by.

    >>> round(area(np.array([0.0, 1.0, 0.5]), np.array([0.1, 0.9, 0.5]))[0], 6)
    1.0
    """
    hits, misses = float(chance.sum()), float((1 - chance).sum())
    # a row does not meet itself: its chance of being hit and miss at once is taken off
    pairs = hits * misses - float((chance * (1 - chance)).sum())
    if min(hits, misses) < 1 or pairs <= 0:
        return NAN, np.zeros(len(chance))
    place, counts = _places(score)
    miss, hit = (
        np.bincount(place, weights=weight, minlength=len(counts)) for weight in (1 - chance, chance)
    )
    # a row of the same score counts half, as in the rank statistic; its own half is taken off
    below = (np.cumsum(miss) - miss / 2)[place] - (1 - chance) / 2
    above = hits - (np.cumsum(hit) - hit / 2)[place] - chance / 2
    value = float(chance @ below) / pairs
    return value, (below - above - value * (misses - hits - 1 + 2 * chance)) / pairs


def precision_area(chance: Floats, score: Floats) -> Expected:
    """Return the expected average precision, and its gradient; as for `area`.

    >>> round(precision_area(np.array([0.0, 1.0]), np.array([0.1, 0.9]))[0], 6)
    1.0
    """
    hits = float(chance.sum())
    if hits < 1:
        return NAN, np.zeros(len(chance))
    place, counts = _places(score)
    flagged = (len(score) - np.cumsum(counts) + counts)[place]
    hit = np.bincount(place, weights=chance, minlength=len(counts))
    # a row that is a hit is certain of itself, so only the others are expected beside it
    others = (hits - np.cumsum(hit) + hit)[place] - chance
    owed = np.bincount(place, weights=chance / flagged, minlength=len(counts))
    value = float((chance * (1 + others) / flagged).sum()) / hits
    change = (1 + others) / flagged + np.cumsum(owed)[place] - chance / flagged
    return value, (change - value) / hits


def _places(score: Floats) -> tuple[Integers, Integers]:
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    return place, counts


def _of_class_1(expect: Expect) -> Expect:
    def binary(chance: Floats, predictions: Floats) -> Expected:
        value, change = expect(chance[:, 1], positive(predictions).astype(float))
        return value, np.column_stack([np.zeros(len(change)), change])

    return binary


def _mean(losses: Callable[[Floats], Floats]) -> Expect:
    def linear(chance: Floats, predictions: Floats) -> Expected:
        lost = losses(probabilities(predictions))
        return float((chance * lost).sum() / len(lost)), lost / len(lost)

    return linear


def _log_losses(stated: Floats) -> Floats:
    # clipped as scikit-learn clips: by the smallest step of the predictions' own dtype
    tiny = float(np.finfo(stated.dtype if stated.dtype.kind == "f" else float).eps)
    losses: Floats = -np.log(np.clip(stated.astype(float), tiny, 1 - tiny))
    return losses


def _squares(stated: Floats) -> Floats:
    second = stated[:, 1].astype(float)
    return np.column_stack([second**2, (second - 1) ** 2])


def _right(stated: Floats) -> Floats:
    return np.eye(stated.shape[1])[classes(stated)]


def _f1(chance: Floats, predictions: Floats) -> Expected:
    hits = float(chance[:, 1].sum())
    if min(hits, len(chance) - hits) < 1:
        return NAN, np.zeros_like(chance)
    values, change, _ = _f1_each(chance, predictions)
    change[:, 0] = 0
    return float(values[1]), change


def _f1_macro(chance: Floats, predictions: Floats) -> Expected:
    """Return the mean over the classes, each weighed by the chance that the rows hold it."""
    values, change, said = _f1_each(chance, predictions)
    # scikit-learn averages over the classes that occur or are said: each by its chance to occur
    seen = np.where(said > 0, 1.0, 1 - np.prod(1 - chance, axis=0))
    if (1 - np.prod(1 - chance, axis=0)).sum() < 1.5:
        return NAN, np.zeros_like(chance)
    weight = seen / seen.sum()
    return float(values @ weight), change * weight


def _f1_each(chance: Floats, predictions: Floats) -> tuple[Floats, Floats, Floats]:
    flagged = _right(probabilities(predictions))
    said = flagged.sum(axis=0)
    # a class that is neither expected nor said has no F1: 0 by a smallest number instead of 0 / 0
    either = np.maximum(said + chance.sum(axis=0), np.finfo(float).tiny)
    values = 2 * (chance * flagged).sum(axis=0) / either
    return values, (2 * flagged - values) / either, said


def _roc_auc_ovr(chance: Floats, predictions: Floats) -> Expected:
    stated = probabilities(predictions)
    found = [area(chance[:, place], stated[:, place]) for place in range(stated.shape[1])]
    known = np.array([not np.isnan(value) for value, _ in found])
    if known.sum() < 2:
        return NAN, np.zeros_like(chance)
    change = np.column_stack([gradient for _, gradient in found]) / known.sum()
    return float(np.mean([value for value, _ in found if not np.isnan(value)])), change


_METRICS: Mapping[str, Expect] = {
    "roc_auc": _of_class_1(area),
    "average_precision": _of_class_1(precision_area),
    "log_loss": _mean(_log_losses),
    "brier": _mean(_squares),
    "accuracy": _mean(_right),
    "f1": _f1,
    "f1_macro": _f1_macro,
    "roc_auc_ovr": _roc_auc_ovr,
}
