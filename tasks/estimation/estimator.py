"""Estimated performance: what a metric is, before the labels come."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats
from tasks.config import METRICS as NAMES
from tasks.errors import DataError
from tasks.estimation.calibrated import Calibrated
from tasks.estimation.regression import Errors
from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.evaluate import check_predictions
from tasks.evaluation.metrics import METRICS, NAN, probabilities
from tasks.records import MaybeNaN, plain, read

# What is not here lies in 0 to 1, but for R squared, which has no lower end: see `_within`.
RANGES = {"log_loss": (0.0, math.inf), "rmse": (0.0, math.inf), "mae": (0.0, math.inf)}


@dataclass(frozen=True)
class Estimator:
    """How a model's metrics are estimated on rows without labels.

    Classes: from calibrated probabilities (`tasks.estimation.calibrated`). Regression: from
    models of the error (`tasks.estimation.losses`). Neither sees a change of what the labels
    mean (concept drift): labels alone show that. `reference` is `metric` on the holdout, the
    naive estimate; `rows` are the holdout's.
    """

    task: str
    metric: str
    classes: int
    rows: int
    reference: MaybeNaN
    how: Calibrated | Errors

    @classmethod
    def fit(
        cls,
        task: str,
        metric: str,
        classes: int,
        y_holdout: Array,
        predictions_holdout: Floats,
        prepared_holdout: pd.DataFrame | None,
        seed: int,
    ) -> Estimator:
        """Learn from the holdout, which the model was not fitted on.

        Args:
            task, metric: what is predicted, and the metric that decides.
            classes: their number; 0 for a regression.
            y_holdout: (n,) class indices or values.
            predictions_holdout: (n, classes) probabilities (binary also (n,)), or (n,) values.
            prepared_holdout: n prepared rows, used for a regression; None leaves the prediction.
            seed: of the folds.

        Raises:
            DataError: there are no rows, something is not finite, or shapes do not fit.
        """
        # refused here, where the rows are known: a NaN would end in the stored estimator
        y, predictions = check_predictions(y_holdout, predictions_holdout, task)
        how: Calibrated | Errors
        if task == "regression":
            how = Errors.fit(y, predictions, prepared_holdout, seed)
        else:
            _fits(predictions, classes)
            how = Calibrated.fit(y, predictions, seed)
        reference = METRICS[metric].score(y, predictions)
        return cls(task, metric, classes, len(y), reference, how)

    def estimate(
        self,
        metric: str,
        predictions: Floats,
        prepared: pd.DataFrame | None = None,
        confidence: float = 0.95,
    ) -> Interval:
        """Return the metric to expect on rows with these predictions, and where it may lie.

        Arguments are as for `fit`. NaN without rows, or where the metric needs a class that is
        not expected among them.

        Raises:
            DataError: the metric is not one of the task's, or shapes do not fit.
        """
        if metric not in NAMES[self.task]:
            raise DataError("estimation", f"a metric of {self.task} is estimated", metric)
        predictions = np.asarray(predictions)
        if len(predictions) == 0:
            return Interval(NAN, NAN, NAN)
        if not np.isfinite(predictions).all():
            raise DataError("estimation", "predictions are finite numbers", "others")
        if isinstance(self.how, Errors):
            value, error = self.how.estimate(metric, predictions, prepared)
        else:
            _fits(predictions, self.classes)
            value, error = self.how.estimate(metric, predictions)
        return _within(metric, value, NormalDist().inv_cdf((1 + confidence) / 2) * error)

    def to_dict(self) -> dict[str, Any]:
        """Return strict JSON; models of a regression's errors are in it as base64."""
        return dict(plain(self, nan_as_null=True))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Estimator:
        """Read what `to_dict` wrote."""
        # the task tells the two apart: msgspec reads no union of two dataclasses
        kind = Errors if content["task"] == "regression" else Calibrated
        reference = read(MaybeNaN, content["reference"], "estimator")
        how = read(kind, content["how"], "estimator")
        return cls(**{**content, "reference": reference, "how": how})


def _fits(predictions: Floats, classes: int) -> None:
    came = probabilities(predictions).shape[1]
    if came != classes:
        raise DataError("estimation", f"there is a column for each of {classes} classes", came)


def _within(metric: str, value: float, reach: float) -> Interval:
    if math.isnan(value):
        return Interval(NAN, NAN, NAN)
    least, most = RANGES.get(metric, (-math.inf if metric == "r2" else 0.0, 1.0))
    return Interval(value, max(value - reach, least), min(value + reach, most))
