"""What is fitted: the encoders and the estimator, sized to the rows they learn from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tasks.arrays import Array
from tasks.errors import DataError
from tasks.features.preprocessing import distance_encoders, round_values, tree_encoders
from tasks.features.schema import Columns

# Rows, evenly apart, that the encoded columns' means and deviations are taken from: enough for two
# digits of either, and all of a large table would be encoded once more.
EXAMINED = 10_000


@dataclass(frozen=True)
class Sample:
    """The training rows in figures; `smallest` are the members of the rarest class.

    `noisy` says that little of the target follows from the columns.
    """

    rows: int
    columns: int
    classes: int = 0
    smallest: int = 0
    noisy: bool = False


Estimator = Callable[[Mapping[str, Any], str, int, Sample], Any]
Learn = Callable[[Any, Array, Array], None]


@dataclass(eq=False)
class Model:
    """Encoders and estimator of one family, with scikit-learn's face.

    It takes prepared rows (`tasks.features.prepare`). After fit: `pipeline_` (the scikit-learn
    pipeline that is exported), `classes_`, `input_mean_` and `input_spread_` (of every encoded
    column), and for a regression `center_` and `spread_`: every family learns the standardised
    target. `trees` says whether numbers are taken as they are, or standardised too; `noisy` is
    told the estimator (`Sample`).
    """

    family: str
    estimator: Estimator
    params: Mapping[str, Any]
    columns: Columns
    task: str
    _: KW_ONLY
    seed: int
    trees: bool
    noisy: bool = False

    def fit(self, prepared: pd.DataFrame, y: Array) -> Model:
        """Learn from n prepared rows and (n,) class indices from 0, or values in the target's unit.

        The answer is the same whatever the number of processors.

        Raises:
            DataError: there are fewer than ten rows, or one class only.
        """
        y = np.asarray(y)
        sample = self._sample(y)
        scale = 0.0, 1.0
        if self.task == "regression":
            y = y.astype(np.float64)
            # a constant target has no deviation to divide by
            scale = float(y.mean()), float(y.std()) or 1.0
        # of two classes one share says all, and scikit-learn's encoder fails for more
        kind = "binary" if sample.classes == 2 else self.task
        encoders = (tree_encoders if self.trees else distance_encoders)(
            self.columns, kind, self.seed
        )
        y = self._begin(y, sample, encoders, scale)
        # BLAS adds up in another order for another number of threads, and the fit would differ
        with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
            # a solver that stops at its bound is no error: the model is judged as it is
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.pipeline_.fit(self._seen(prepared), y)
            some = self._seen(prepared).iloc[:: len(y) // EXAMINED + 1]
            self._describe(self.pipeline_[:-1].transform(some))
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
        y = self._begin(y, self._sample(y), encoders, scale)
        with threadpool_limits(1, user_api="blas"):
            rows = self.pipeline_[:-1].fit_transform(self._seen(prepared))
            learn(self.pipeline_.named_steps["model"], rows, y)
            self._describe(rows)
        return self

    def _begin(self, y: Array, sample: Sample, encoders: Any, scale: tuple[float, float]) -> Array:
        """Make the unfitted pipeline, and return the targets as it learns them."""
        self.center_, self.spread_ = scale
        # made now that the number of rows is known: a smallest leaf of 200 rows suits a table of
        # 80,000, not one of 300
        estimator = self.estimator(self.params, self.task, self.seed, sample)
        rounding = FunctionTransformer(round_values, kw_args={"wide": not self.trees})
        self.pipeline_ = Pipeline(
            [("encoders", encoders), ("float32", rounding), ("model", estimator)]
        )
        if self.task != "regression":
            return y
        return (y.astype(np.float64) - self.center_) / self.spread_

    def _describe(self, encoded: Array) -> None:
        self.input_mean_, self.input_spread_ = encoded.mean(axis=0), encoded.std(axis=0)
        if self.task != "regression":
            self.classes_ = self.pipeline_.classes_

    @property
    def class_count(self) -> int:
        """How many classes the fitted model tells apart, 0 for a regression."""
        return 0 if self.task == "regression" else len(self.classes_)

    def predict_proba(self, prepared: pd.DataFrame) -> Array:
        """Return (n, classes seen in training) probabilities."""
        with threadpool_limits(1, user_api="blas"):
            return np.asarray(self.pipeline_.predict_proba(self._seen(prepared)))

    def predict(self, prepared: pd.DataFrame) -> Array:
        """Return n values of a regression, in the target's unit."""
        with threadpool_limits(1, user_api="blas"):
            scaled = np.asarray(self.pipeline_.predict(self._seen(prepared)), dtype=np.float64)
        return scaled * self.spread_ + self.center_

    def answers(self, prepared: pd.DataFrame, classes: int = 0) -> Array:
        """Return (n, classes) probabilities, or (n,) values for a regression.

        A class that the training rows did not hold has probability 0.
        """
        if self.task == "regression":
            return self.predict(prepared)
        shares = self.predict_proba(prepared)
        answers = np.zeros((len(shares), max(classes, int(self.classes_.max()) + 1)))
        answers[:, self.classes_] = shares
        return answers

    def _seen(self, prepared: pd.DataFrame) -> pd.DataFrame:
        return prepared[self._names]

    @property
    def _names(self) -> list[str]:
        return [*self.columns.numbers, *self.columns.written]

    def _sample(self, y: Array) -> Sample:
        if len(y) < 10:
            raise DataError("training rows", "a model is fitted on at least 10 rows", len(y))
        if self.task == "regression":
            return Sample(len(y), len(self._names), noisy=self.noisy)
        members = np.unique(y, return_counts=True)[1]
        if len(members) < 2:
            raise DataError("training rows", "hold at least two classes", "one class only")
        return Sample(len(y), len(self._names), len(members), int(members.min()))
