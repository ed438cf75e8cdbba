"""One eye: what a model shows on a batch, for the live monitor and for a replay. Pure.

Both gather the rows in their own way (the monitor piece by piece from the table, the replay many
batches at once) and let `look` make of them what a policy may know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats, Times
from tasks.config import Pipeline
from tasks.drift.compare import compare
from tasks.drift.drift import DatasetDrift
from tasks.drift.profile import Profile
from tasks.estimation.estimator import Estimator
from tasks.evaluation.metrics import METRICS
from tasks.monitoring.judging import live_figure
from tasks.policy.expected_gain import relative_gain
from tasks.policy.situation import DriftFigure, MetricValue, finite
from tasks.scoring.judgement import Labelled

# Letters: the names are told in a sentence of every reason, which the ledger keeps.
NAMED = 200


@dataclass(frozen=True, eq=False)
class Eye:
    """What a model is watched with; without a profile or an estimator it sees less.

    Attributes:
        until: the latest event time it was fitted on.
        profile: of the rows it was fitted on.
        weights: how much each column counts in a drift; empty where all count alike.
        estimator: tells its metric without labels.
    """

    until: np.datetime64
    profile: Profile | None
    weights: Mapping[str, float]
    estimator: Estimator | None


@dataclass(frozen=True, eq=False)
class PredictedBatch:
    """A batch as the model met it.

    Attributes:
        times: (rows,) event times, as they count.
        labelled: labels and answers of the rows that have one.
        profile: of all its rows, in the model's own columns.
        prepared, answers: of all its rows, or of a sample of them, for the estimate.
        unknown: how many rows have a label of a class that the model does not know.
    """

    times: Times
    labelled: Labelled
    profile: Profile
    prepared: pd.DataFrame
    answers: Floats
    unknown: int = 0


@dataclass(frozen=True, eq=False)
class Sight:
    """What the model showed.

    Attributes:
        rows: of the batch.
        known: those whose event time is not after the last one it was fitted on.
        live, estimated: the deciding metric with labels, and as estimated without; or None.
        drift: the batch against the model's profile.
        errors: (n,) its errors on the labelled rows after that time, 0 to 1, in time order.
    """

    rows: int
    known: int
    live: MetricValue | None
    estimated: MetricValue | None
    drift: DatasetDrift | None
    errors: Floats

    @property
    def late(self) -> bool:
        """Whether every row of it is older than what the model knows."""
        return self.known == self.rows


def look(
    pipeline: Pipeline, eye: Eye, met: PredictedBatch, metrics: Mapping[str, Any] | None = None
) -> Sight:
    """Return what a policy may know of a batch.

    Args:
        pipeline: says the deciding metric, the confidence, and when drift counts.
        eye: what the model is watched with.
        met: the batch, with the model's answers.
        metrics: every metric with its interval, where the caller has them all; without, only the
            deciding one is computed, from the same draws.
    """
    metric, confidence, rows = pipeline.metric, pipeline.gate.confidence, len(met.times)
    labelled = met.labelled
    if metrics and metric in metrics:
        counts = {"metric": metric, "rows": rows, "labelled": len(labelled.y)}
        live: MetricValue | None = MetricValue.from_dict({**metrics[metric], **counts})
    else:
        # in time order, so that the draws do not depend on how the rows were gathered: live piece
        # by piece, in a replay many batches at once
        order = np.argsort(labelled.times, kind="stable")
        live = live_figure(
            metric, labelled.y[order], labelled.predictions[order], rows,
            confidence=confidence, seed=pipeline.training.seed,
        )  # fmt: skip
    if met.unknown:
        blank = MetricValue(metric, math.nan, math.nan, math.nan, rows, 0)
        live = replace(live or blank, unknown=met.unknown)
    drift = estimated = None
    # a version of a release before profiles or estimators is watched by what it has
    if eye.profile is not None:
        share = pipeline.monitoring.drift.share
        drift = compare(eye.profile, met.profile, importances=eye.weights, share=share)
    if eye.estimator is not None:
        guess = eye.estimator.estimate(metric, met.answers, met.prepared, confidence)
        estimated = MetricValue(metric, guess.value, guess.low, guess.high, rows, 0)
    known = int((met.times <= eye.until).sum())
    return Sight(rows, known, live, estimated, drift, errors_after(labelled, eye.until))


def measure_gain(metric: str, y: Array, ours: Floats, theirs: Floats) -> float | None:
    """Return what a model adds to the one it replaced, on the same rows; None where undefined.

    Args:
        metric: that decides.
        y: (n,) class indices or values.
        ours, theirs: (n, k) probabilities or (n,) values of the new model and of the old one.

    >>> y, sure = np.array([0, 1]), np.array([[0.9, 0.1], [0.1, 0.9]])
    >>> measure_gain("accuracy", y, sure, sure[::-1])
    1.0
    """
    if ours.shape != theirs.shape or not len(y) or (ours.ndim == 2 and len(np.unique(y)) < 2):
        return None
    kind = METRICS[metric]
    now, before = kind.score(y, ours), kind.score(y, theirs)
    return finite(relative_gain(kind.gain(now, before), before, kind.greater_is_better))


def drift_figure(drift: DatasetDrift) -> DriftFigure:
    """Return what a policy reads of a comparison: the drifted columns by name, in 200 letters."""
    worst = ", ".join(column.name for column in drift.worst)[:NAMED]
    return DriftFigure(drift.share, drift.limit, worst)


def errors_after(labelled: Labelled, until: np.datetime64) -> Floats:
    """Return the errors, each 0 to 1, on rows later than `until`, in time order."""
    # rows up to `until` may be among those it was fitted on, where every model does well
    order = labelled.in_order()
    order = order[labelled.times[order] > until]
    y, predictions = labelled.y[order], labelled.predictions[order]
    if labelled.classes:
        return np.asarray(1 - predictions[np.arange(len(y)), y], dtype=np.float32)
    # two standard deviations are a whole error: the detector takes errors from 0 to 1 only
    scale = 2 * float(np.std(labelled.y)) or 1.0
    return np.asarray(np.clip(np.abs(predictions - y) / scale, 0, 1), dtype=np.float32)
