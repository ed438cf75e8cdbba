"""Whether stated probabilities come true, and whether values are right on average."""

from __future__ import annotations

import numpy as np

from tasks.arrays import Array, Floats, Integers
from tasks.evaluation.metrics import NAN, classes, positive, probabilities

# As Guo et al., On Calibration of Modern Neural Networks (2017), and most since.
MOST_BINS = 15
# Of 100 rows at one half the share is off by 0.05 (one standard deviation) by chance alone:
# smaller bins would show that as an error.
ROWS_A_BIN = 100


def calibration_error(y: Array, predictions: Floats, *, task: str) -> float:
    """Return how far the predictions are from what happened; 0 is perfect, NaN without rows.

    Binary: expected calibration error of class 1. Multiclass: of the most probable class
    (Naeini, Cooper and Hauskrecht 2015). Both with equal-mass bins (Nixon et al. 2019), at most
    15 and at least 100 rows each, since small bins show an error that is only chance.
    Regression: the mean error over the standard deviation of the labels, NaN where that is 0.

    Args:
        y: (n,) class indices, or values for a regression.
        predictions: (n, k) or (n,) probabilities, or (n,) values.
        task: binary, multiclass or regression.

    >>> y, half = np.arange(1000) % 2, np.full(1000, 0.75)
    >>> calibration_error(y, half, task="binary")
    0.25
    """
    if len(y) == 0:
        return NAN
    if task == "regression":
        spread = float(np.std(y))
        return abs(float(np.mean(predictions - y))) / spread if spread > 0 else NAN
    said, came, rows = reliability(y, predictions, task=task)
    return float(np.abs(said - came) @ rows / rows.sum())


def reliability(y: Array, predictions: Floats, *, task: str) -> tuple[Floats, Floats, Integers]:
    """Return per equal-mass bin the mean stated probability, the share that came true, the rows.

    Three arrays of at most 15 values, by rising probability.

    Args:
        y: (n,) class indices.
        predictions: (n, k) or (n,) probabilities.
        task: binary or multiclass.
    """
    chance, came_true = _claims(y, predictions, task)
    count = int(np.clip(len(chance) // ROWS_A_BIN, 1, MOST_BINS))
    places = (np.arange(1, count) * len(chance)) // count
    # cut between values: equal probabilities stay in one bin, whatever the order of the rows
    edges = np.unique(np.sort(chance)[places])
    bin_of = np.searchsorted(edges, chance, side="right")
    rows = np.bincount(bin_of, minlength=len(edges) + 1)
    held = rows > 0
    said = np.bincount(bin_of, weights=chance, minlength=len(rows))[held] / rows[held]
    came = np.bincount(bin_of, weights=came_true, minlength=len(rows))[held] / rows[held]
    return said, came, rows[held]


def _claims(y: Array, predictions: Floats, task: str) -> tuple[Floats, Floats]:
    if task == "binary":
        return positive(predictions).astype(float), (y == 1).astype(float)
    top = probabilities(predictions).max(axis=1).astype(float)
    return top, (classes(predictions) == y).astype(float)
