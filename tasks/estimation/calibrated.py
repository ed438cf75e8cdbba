"""Calibrated probabilities and the metrics they promise: CBPE with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tasks.arrays import Array, Floats
from tasks.estimation.bins import Bins
from tasks.estimation.expected import centre, expected_metric, variance
from tasks.estimation.isotonic import Curve, fit_curves, straighten
from tasks.evaluation.metrics import probabilities


@dataclass(frozen=True)
class Reliability:
    """What the holdout knows of one class, by bins of its stated probability.

    `shares` are the labels of the class in each bin, `missed` the mean of label minus calibrated
    probability.
    """

    bins: Bins
    shares: tuple[float, ...]
    missed: tuple[float, ...]

    @classmethod
    def count(cls, stated: Floats, happened: Floats, left: Floats) -> Reliability:
        """Count the rows of the holdout.

        Args:
            stated: (n,) probabilities of the class that the model stated.
            happened: (n,) whether the row is of the class, 0 or 1.
            left: (n,) label minus calibrated probability.
        """
        bins = Bins.cut(stated)
        counts = np.array(bins.counts)
        # half a row with the label and half a row without: no bin is certain
        shares = (bins.sums(stated, happened) + 0.5) / (counts + 1)
        missed = bins.sums(stated, left) / counts
        return cls(bins, tuple(shares.tolist()), tuple(missed.tolist()))

    def pull(self, stated: Floats, change: Floats) -> tuple[float, float]:
        """Return how far what was missed moves a metric of this gradient, and its variance.

        Args:
            stated, change: (n,) probabilities of the class, and the gradient at each row's label.
        """
        moved, counts = self.bins.sums(stated, change), np.array(self.bins.counts)
        return float(moved @ self.missed), float((moved**2 * self.shares / counts).sum())


@dataclass(frozen=True)
class Calibrated:
    """How stated probabilities are read, and how well that is known.

    `curves` has an isotonic curve a class, or is empty where the probabilities are taken as they
    are; `known` says for each class how far that can be trusted.
    """

    curves: tuple[Curve, ...]
    known: tuple[Reliability, ...]

    @classmethod
    def fit(cls, y: Array, predictions: Floats, seed: int) -> Calibrated:
        """Learn from (n,) class indices and (n, k) probabilities, both of the holdout."""
        # float64: cumulated sums of many float32 probabilities would lose the last digits
        stated = probabilities(predictions).astype(float)
        happened = np.eye(stated.shape[1])[y.astype(int)]
        made = fit_curves(stated, happened, seed)
        left = happened - straighten(stated, made)
        columns = zip(stated.T, happened.T, left.T, strict=True)
        return cls(made, tuple(Reliability.count(*column) for column in columns))

    def chance(self, predictions: Floats) -> Floats:
        """Return the (n, k) calibrated probabilities of the classes."""
        return straighten(probabilities(predictions).astype(float), self.curves)

    def estimate(self, metric: str, predictions: Floats) -> tuple[float, float]:
        """Return the expected metric and its standard error.

        Args:
            metric: a name of `tasks.config.METRICS` for classes.
            predictions: (n, k) or (n,) probabilities.
        """
        chance = self.chance(predictions)
        value, gradient = expected_metric(metric, chance, predictions)
        if math.isnan(value):
            return value, value
        stated = probabilities(predictions).astype(float)
        change = centre(gradient, chance)
        columns = zip(self.known, stated.T, change.T, strict=True)
        found = np.array([known.pull(*column) for known, *column in columns])
        missed, shared = found.sum(axis=0)
        # what a wrong calibration left in the bins, shrunk by what chance alone explains, as James
        # and Stein do; nothing is left where that is all
        if missed**2 > shared:
            value += missed * (1 - shared / missed**2)
        # two things are unknown: which labels the rows will have, and the probabilities, which m
        # holdout rows of a bin know to a variance of p(1-p)/m, shared by all rows in it
        return value, math.sqrt(variance(gradient, chance) + shared)
