"""What a plot needs, as short lists: at most 100 points a curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.arrays import Array, Floats, Integers
from tasks.evaluation.bootstrap import finite_or_none
from tasks.evaluation.calibration import reliability
from tasks.evaluation.metrics import classes, positive, probabilities

# Curves lie in every evaluation that is kept; no plot of a page shows more.
POINTS = 100
# The table grows with the square of it.
MOST_CLASSES = 20
LEVELS = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
Curves = dict[str, Any]


def curves(y: Array, predictions: Floats, *, task: str) -> Curves:
    """Return the curves of a task as plain JSON.

    Binary: "roc" (false_positive_rate, true_positive_rate), "precision_recall" (recall,
    precision), each absent for one class, and "reliability" (stated, observed, rows).
    Multiclass: "reliability" of the most probable class. Both: "confusion" (rows are the true
    class, columns the most probable one), up to 20 classes. Regression: "residuals" (level,
    quantile of prediction - label).

    Args:
        y: (n,) class indices, or values for a regression.
        predictions: (n, k) or (n,) probabilities, or (n,) values.
        task: binary, multiclass or regression.
    """
    if len(y) == 0:
        return {}
    if task == "regression":
        error = np.quantile(predictions.astype(float) - y, LEVELS)
        return {"residuals": {"level": list(LEVELS), "quantile": _plain(error)}}
    found: Curves = {}
    if task == "binary" and 0 < np.sum(y == 1) < len(y):
        found.update(_ranking_curves(y, positive(predictions)))
    said, came, rows = reliability(y, predictions, task=task)
    found["reliability"] = {
        "stated": _plain(said),
        "observed": _plain(came),
        "rows": rows.tolist(),
    }
    k = probabilities(predictions).shape[1]
    if k <= MOST_CLASSES:
        cells = np.bincount(y.astype(int) * k + classes(predictions), minlength=k * k)
        found["confusion"] = cells.reshape(k, k).tolist()
    return found


def _ranking_curves(y: Array, score: Floats) -> Curves:
    order = np.argsort(-score, kind="stable")
    ranked, hit = score[order], y[order] == 1
    # one point for all rows of a score: between them the order would be chance
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    true, flagged = np.cumsum(hit)[ends], ends + 1
    # of 99: the curve of the ROC has one more point, its origin
    kept = spread_evenly(len(ends))
    true, flagged = true[kept], flagged[kept]
    recall, precision = true / hit.sum(), true / flagged
    false = (flagged - true) / (len(y) - hit.sum())
    return {
        "roc": {
            "false_positive_rate": _plain(np.r_[0.0, false]),
            "true_positive_rate": _plain(np.r_[0.0, recall]),
        },
        "precision_recall": {"recall": _plain(recall), "precision": _plain(precision)},
    }


def spread_evenly(count: int, most: int = POINTS - 1) -> Integers:
    """Return at most `most` evenly spread places among `count`, the first and last kept.

    >>> spread_evenly(7, 3).tolist()
    [0, 3, 6]
    """
    places: Integers = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    return places


def _plain(values: Floats) -> list[float | None]:
    # six digits: an evaluation is stored with every version, and no plot shows more
    return [finite_or_none(round(value, 6)) for value in values.tolist()]
