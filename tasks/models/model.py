"""What is fitted: the encoders and the estimator, sized to the rows they learn from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tasks.arrays import Array
from tasks.errors import DataError
from tasks.features.preprocessing import Float32, distance_encoders, tree_encoders
from tasks.features.schema import Columns

# Rows, evenly apart, that the encoded columns' means and deviations are taken from.
EXAMINED = 10_000


@dataclass(frozen=True)
class Sample:
    """The training rows in figures; `smallest` are the members of the rarest class."""

    rows: int
    classes: int = 0
    smallest: int = 0


Estimator = Callable[[Mapping[str, Any], str, int, Sample], Any]
Learn = Callable[[Any, Array, Array], None]


class Model(BaseEstimator):  # type: ignore[misc]
    """Encoders and estimator of one family, with scikit-learn's face.

    It takes prepared rows (`tasks.features.prepare`). The estimator is made at fit, when the
    number of rows is known: a smallest leaf of 200 rows suits a table of 80,000, not one of 300.
    After fit: `pipeline_` (the scikit-learn pipeline that is exported), `classes_`, `converged_`,
    `input_mean_` and `input_spread_` (of every encoded column), and for a regression
    `center_` and `spread_`: every family learns the standardised target.
    """

    def __init__(
        self,
        family: str,
        estimator: Estimator,
        params: Mapping[str, Any],
        columns: Columns,
        task: str,
        *,
        seed: int,
        trees: bool,
    ) -> None:
        """Take what the fit needs; nothing is made yet.

        Args:
            family: its name.
            estimator: makes one of parameters, task, seed and sample.
            params: the estimator's, complete.
            columns: names of the prepared numbers and categories.
            task: binary, multiclass or regression.
            seed: of folds and estimator.
            trees: whether numbers are taken as they are, or standardised.
        """
        self.family = family
        self.estimator = estimator
        self.params = params
        self.columns = columns
        self.task = task
        self.seed = seed
        self.trees = trees

    def fit(self, prepared: pd.DataFrame, y: Array) -> Model:
        """Learn from n prepared rows and n class indices (or values).

        The answer is the same whatever the number of processors. A solver that stops at its
        bound is no error: `converged_` says so, and the evaluation judges the model as it is.

        Args:
            prepared: n rows as `tasks.features.prepare` makes them.
            y: (n,) class indices from 0, or values in the target's unit.

        Raises:
            DataError: there are fewer than ten rows, or one class only.
        """
        y = np.asarray(y)
        self.center_, self.spread_ = 0.0, 1.0
        sample = _sample(y, self.task)
        if self.task == "regression":
            y = y.astype(np.float64)
            # a constant target has no deviation to divide by
            self.center_, self.spread_ = float(y.mean()), float(y.std()) or 1.0
            y = (y - self.center_) / self.spread_
        # of two classes one share says all, and scikit-learn's encoder fails for more
        kind = "binary" if sample.classes == 2 else self.task
        encoders = tree_encoders if self.trees else distance_encoders
        self.pipeline_ = self._steps(encoders(self.columns, kind, self.seed), sample)
        # BLAS adds up in another order for another number of threads, and the fit would differ
        with threadpool_limits(1, user_api="blas"):
            self.converged_ = _fit_quietly(self.pipeline_, self._seen(prepared), y)
            some = self._seen(prepared).iloc[:: len(y) // EXAMINED + 1]
            encoded = self.pipeline_[:-1].transform(some)
            self.input_mean_, self.input_spread_ = encoded.mean(axis=0), encoded.std(axis=0)
        if self.task != "regression":
            self.classes_ = self.pipeline_.classes_
        return self

    def fit_further(
        self,
        prepared: pd.DataFrame,
        y: Array,
        encoders: Any,
        scale: tuple[float, float],
        learn: Learn,
    ) -> Model:
        """Learn from newer rows alone, with encoders and a target's scale from an earlier fit.

        Args:
            prepared: n newer rows as `tasks.features.prepare` makes them.
            y: (n,) class indices from 0, or values in the target's unit.
            encoders: fitted ones, as a step of a pipeline.
            scale: center and deviation of the target, in its unit.
            learn: takes the unfitted estimator, the encoded rows and the targets.

        Raises:
            DataError: there are fewer than ten rows, or one class only.
        """
        y = np.asarray(y)
        sample = _sample(y, self.task)
        self.center_, self.spread_ = scale
        if self.task == "regression":
            y = (y.astype(np.float64) - self.center_) / self.spread_
        self.pipeline_ = self._steps(encoders, sample)
        with threadpool_limits(1, user_api="blas"):
            rows = self.pipeline_[:-1].fit_transform(self._seen(prepared))
            learn(self.pipeline_.named_steps["model"], rows, y)
            self.input_mean_, self.input_spread_ = rows.mean(axis=0), rows.std(axis=0)
        self.converged_ = True
        if self.task != "regression":
            self.classes_ = self.pipeline_.classes_
        return self

    @property
    def class_count(self) -> int:
        """How many classes the fitted model tells apart, 0 for a regression."""
        return 0 if self.task == "regression" else len(self.classes_)

    def predict_proba(self, prepared: pd.DataFrame) -> Array:
        """Return (n, classes seen in training) probabilities."""
        with threadpool_limits(1, user_api="blas"):
            return np.asarray(self.pipeline_.predict_proba(self._seen(prepared)))

    def predict(self, prepared: pd.DataFrame) -> Array:
        """Return n class indices, or n values for a regression."""
        if self.task != "regression":
            return np.asarray(self.classes_[self.predict_proba(prepared).argmax(axis=1)])
        with threadpool_limits(1, user_api="blas"):
            scaled = np.asarray(self.pipeline_.predict(self._seen(prepared)), dtype=np.float64)
        return scaled * self.spread_ + self.center_

    def answers(self, prepared: pd.DataFrame, classes: int = 0) -> Array:
        """Return (n, classes) probabilities, or (n,) values for a regression.

        A class that the training rows did not hold has probability 0.
        """
        if self.task == "regression":
            return self.predict(prepared)
        found = self.predict_proba(prepared)
        spread = np.zeros((len(found), max(classes, int(self.classes_.max()) + 1)))
        spread[:, self.classes_] = found
        return spread

    def _steps(self, encoders: Any, sample: Sample) -> Pipeline:
        return Pipeline(
            [
                ("encoders", encoders),
                ("float32", Float32(wide=not self.trees)),
                ("model", self.estimator(self.params, self.task, self.seed, sample)),
            ]
        )

    def _seen(self, prepared: pd.DataFrame) -> pd.DataFrame:
        return prepared[[*self.columns.numbers, *self.columns.categories]]


def _sample(y: Array, task: str) -> Sample:
    if len(y) < 10:
        raise DataError("training rows", "a model is fitted on at least 10 rows", len(y))
    if task == "regression":
        return Sample(len(y))
    members = np.unique(y, return_counts=True)[1]
    if len(members) < 2:
        raise DataError("training rows", "hold at least two classes", "one class only")
    return Sample(len(y), len(members), int(members.min()))


def _fit_quietly(pipeline: Pipeline, rows: pd.DataFrame, y: Array) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        # by default Python tells a warning once a place: the second fit would seem to converge
        warnings.simplefilter("always")
        pipeline.fit(rows, y)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
