"""What a regression's metrics are expected to be, from models of its errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats
from tasks.estimation.losses import Losses
from tasks.evaluation.metrics import NAN


# A tuple: stored estimators hold its three numbers as a list.
class LinearFit(NamedTuple):
    """The labels as a straight line of the predictions, with the variance of its slope."""

    intercept: float
    slope: float
    slope_variance: float

    @classmethod
    def through(cls, y: Array, predictions: Floats) -> LinearFit:
        """Fit (n,) values to (n,) predictions by least squares.

        >>> LinearFit.through(np.array([1.0, 3.0, 5.0]), np.array([0.0, 1.0, 2.0])).slope
        2.0
        """
        spread = float(np.var(predictions))
        if spread == 0:
            return cls(float(np.mean(y)), 0.0, 0.0)
        middle = float(predictions.mean())
        slope = float(np.mean((predictions - middle) * (y - y.mean()))) / spread
        intercept = float(y.mean()) - slope * middle
        left = float(np.var(y - intercept - slope * predictions))
        return cls(intercept, slope, left / (len(y) * spread))


@dataclass(frozen=True)
class Errors:
    """How large the errors of a regression are, absolute and squared."""

    absolute: Losses
    squared: Losses
    line: LinearFit

    @classmethod
    def fit(cls, y: Array, predictions: Floats, prepared: pd.DataFrame | None, seed: int) -> Errors:
        """Learn from (n,) values and predictions of the holdout, and its prepared rows."""
        error = np.abs(predictions.astype(float) - y)
        return cls(
            Losses.fit(error, predictions, prepared, seed),
            Losses.fit(error**2, predictions, prepared, seed),
            LinearFit.through(y.astype(float), predictions.astype(float)),
        )

    def estimate(
        self, metric: str, predictions: Floats, prepared: pd.DataFrame | None
    ) -> tuple[float, float]:
        """Return the expected metric and its standard error.

        Args:
            metric: rmse, mae or r2.
            predictions: (n,) values.
            prepared: n rows as the model saw them, where `fit` had them.
        """
        if metric == "mae":
            value, variance = self.absolute.estimate(predictions, prepared)
            return value, math.sqrt(variance)
        mean, variance = self.squared.estimate(predictions, prepared)
        if metric == "r2":
            return self._r2(predictions.astype(float), mean, variance)
        # by the delta method: the root moves by half as much as the mean, relative to each
        root = math.sqrt(mean)
        return root, math.sqrt(variance) / (2 * root) if root else 0.0

    def _r2(self, predictions: Floats, mean: float, variance: float) -> tuple[float, float]:
        """Return R squared from the mean squared error."""
        line, spread = self.line, float(np.var(predictions))
        bias = line.intercept + (line.slope - 1) * predictions
        # the labels vary with the line, as on the holdout, and by what the line leaves of the error
        left = max(mean - float(np.mean(bias**2)), 0.0)
        total = line.slope**2 * spread + left
        if total <= 0:
            return NAN, NAN
        # how the labels' variance moves: by chance among the rows, and by the slope's own error
        chance = 4 * line.slope**2 * spread * left / len(predictions)
        slope = 4 * line.slope**2 * spread**2 * line.slope_variance
        by_error = ((total - mean) / total**2) ** 2 * variance
        by_labels = (mean / total**2) ** 2 * (chance + slope)
        return 1 - mean / total, math.sqrt(by_error + by_labels)
