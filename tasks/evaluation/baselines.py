"""Naive predictions that a model must beat: class shares, mean, median, last value.

They are predictions like any other, so the same metrics judge them.
"""

from __future__ import annotations

import numpy as np

from tasks.arrays import Array, Floats, Times
from tasks.evaluation.metrics import Metric


def baselines(
    training_y: Array,
    y: Array,
    *,
    task: str,
    classes: int = 0,
    training_times: Times | None = None,
    times: Times | None = None,
) -> dict[str, Floats]:
    """Return the baselines of a task as predictions for the rows of `y`.

    Args:
        training_y: (m,) labels of the training rows; class indices, or values for regression.
        y: (n,) labels of the judged rows; only earlier rows' labels are used, by "last_value".
        task: binary, multiclass or regression.
        classes: number of classes k; ignored for regression.
        training_times, times: (m,) and (n,) event times; with them "last_value" is added.

    Returns "prior" (class shares; its most probable class is the majority) for classification,
    "mean" and "median" for regression, each (n, k) probabilities or (n,) values.

    >>> baselines(np.array([0, 0, 0, 1]), np.array([1]), task="binary", classes=2)
    {'prior': array([[0.75, 0.25]])}
    """
    found: dict[str, Floats] = {}
    if task == "regression":
        found["mean"] = np.full(len(y), float(np.mean(training_y)))
        found["median"] = np.full(len(y), float(np.median(training_y)))
    else:
        shares = np.bincount(training_y.astype(int), minlength=classes) / len(training_y)
        found["prior"] = np.tile(shares, (len(y), 1))
    if training_times is not None and times is not None:
        last = last_value(training_y, training_times, y, times)
        found["last_value"] = last if task == "regression" else np.eye(classes)[last.astype(int)]
    return found


def as_judged(metric: Metric, name: str, guess: Floats) -> Floats:
    """Return a baseline as a metric is to see it: the prior ranks nothing, whatever the folds.

    The share in a fold's training rows is the lower, the more of a class the fold holds: pooled,
    such shares would rank the rows of different folds, and against their labels.

    Args:
        metric: that judges it.
        name: of the baseline.
        guess: (n, k) probabilities, or (n,) values.
    """
    if name != "prior" or not metric.ranks:
        return guess
    return np.tile(guess.mean(axis=0), (len(guess), 1))


def last_value(training_y: Array, training_times: Times, y: Array, times: Times) -> Array:
    """Return, for each judged row, the label of the latest row that is strictly earlier.

    Rows of the same time do not answer for each other. It supposes that a label is known at
    once; where labels come later this baseline is stronger than anything that could be used.
    A row with nothing before it gets the earliest label.

    Args:
        training_y, training_times: (m,) labels and event times of the training rows.
        y, times: (n,) labels and event times of the judged rows.

    >>> day = np.array([1, 2, 2, 3]).astype("datetime64[D]")
    >>> last_value(np.array([5.0]), day[:1], np.array([6.0, 7.0, 8.0]), day[1:])
    array([5., 5., 7.])
    """
    labels, when = np.concatenate([training_y, y]), np.concatenate([training_times, times])
    order = np.argsort(when, kind="stable")
    # from the left: rows of the same time are not earlier
    earlier = np.searchsorted(when[order], times, side="left") - 1
    last: Array = labels[order][np.maximum(earlier, 0)]
    return last
