"""The whole judgement of one model on one set of rows, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats
from tasks.config import Pipeline
from tasks.errors import DataError
from tasks.evaluation.baselines import as_judged
from tasks.evaluation.bootstrap import ROUNDS, Interval, Sampling, percentile_interval, resample
from tasks.evaluation.calibration import calibration_error
from tasks.evaluation.curves import curves
from tasks.evaluation.metrics import METRICS, Metric, task_metrics
from tasks.evaluation.slices import Slice, judge_slices
from tasks.records import MaybeNaN, plain

Window = tuple[str | None, str | None]
EvidenceKind = Literal["latest rows", "random holdout", "cross-validation"]
# Rows times rounds: what the intervals of a large holdout may take.
DRAWS = 30_000_000
# Below it, a bound at 95 % would hang on one draw or two.
FEWEST_ROUNDS = 100


@dataclass(frozen=True)
class HeldOut:
    """How the judged rows were held out: in how many folds, where each was (0: at once).

    `repeats` says how often each was judged, one judgement after the other, and `widening` is that
    of the intervals, where the predictions are several models' (`Sampling`).
    """

    evidence: EvidenceKind = "latest rows"
    folds: int = 0
    repeats: int = 1
    widening: float = 1.0

    def sample(self, rows: int, confidence: float, seed: int) -> Sampling:
        """Return how so many judgements are drawn again, those of one row together."""
        return Sampling(confidence, seed, rounds_for(rows), self.widening, self.repeats)


@dataclass(frozen=True)
class Evaluation:
    """How one model did on some rows.

    `metrics` holds every metric of the task with its interval; `metric` names the one that
    decides. `baselines` is that metric per baseline, `baseline_gains` the model's paired gain
    over it (positive: the model is better), `baseline_metrics` every metric per baseline.
    `window` is the (first, last) event time as ISO texts, or arrival where rows are exchangeable;
    `evidence` says how the rows were held out, in how many `folds` where each was, and how often.
    """

    task: str
    metric: str
    rows: int
    confidence: float
    rounds: int
    metrics: Mapping[str, Interval]
    calibration: MaybeNaN
    window: Window | None = None
    evidence: EvidenceKind = "latest rows"
    folds: int = 0
    repeats: int = 1
    baselines: Mapping[str, MaybeNaN] = field(default_factory=dict)
    baseline_gains: Mapping[str, Interval] = field(default_factory=dict)
    baseline_metrics: Mapping[str, Mapping[str, MaybeNaN]] = field(default_factory=dict)
    slices: tuple[Slice, ...] = ()
    curves: Mapping[str, Any] = field(default_factory=dict)

    @property
    def deciding(self) -> Interval:
        """The interval of the metric that decides."""
        return self.metrics[self.metric]

    @property
    def how(self) -> str:
        """How the rows were held out, in words."""
        if not self.folds:
            return self.evidence
        often = f", {self.repeats} times" if self.repeats > 1 else ""
        return f"{self.evidence}, {self.folds} folds{often}"

    def to_dict(self) -> dict[str, Any]:
        """Return strict JSON, which `tasks.records.read` reads; NaN becomes null."""
        content: dict[str, Any] = plain(self, nan_as_null=True)
        return content


def evaluate(
    y: Array,
    predictions: Floats,
    *,
    task: str,
    metric: str,
    seed: int,
    confidence: float = 0.95,
    slices: pd.DataFrame | None = None,
    baselines: Mapping[str, Floats] = MappingProxyType({}),
    window: Window | None = None,
    held_out: HeldOut = HeldOut(),
) -> Evaluation:
    """Judge predictions by every metric of the task, with intervals, baselines and slices.

    Args:
        y: (n,) class indices 0..k-1, or values for regression.
        predictions: (n, k) probabilities, or (n,) values for regression.
        task, metric: what is predicted, and the metric that decides.
        seed, confidence: of the resampling and its intervals.
        slices: n rows of the columns to slice by, or None.
        baselines: name to predictions, see `baselines.baselines`.
        window, held_out: first and last event time as ISO texts, and how rows were held out.

    Raises:
        DataError: there are no rows, a label or prediction is not finite, or shapes differ.
    """
    y, predictions = check_predictions(y, predictions, task)
    sampling = held_out.sample(len(y), confidence, seed)
    deciding, every = METRICS[metric], task_metrics(task)
    metrics, gains = _judged(y, predictions, deciding, every, baselines, sampling)
    naive = {name: _score_naive(y, name, guess, every) for name, guess in baselines.items()}
    return Evaluation(
        task=task,
        metric=metric,
        rows=len(y) // held_out.repeats,
        confidence=confidence,
        rounds=sampling.rounds,
        metrics=metrics,
        calibration=calibration_error(y, predictions, task=task),
        window=window,
        evidence=held_out.evidence,
        folds=held_out.folds,
        repeats=held_out.repeats,
        baselines={name: values[metric] for name, values in naive.items()},
        baseline_gains=gains,
        baseline_metrics=naive,
        slices=judge_slices(deciding, y, predictions, slices, sampling),
        curves=curves(y, predictions, task=task),
    )


def _score_naive(y: Array, name: str, guess: Floats, every: tuple[Metric, ...]) -> dict[str, float]:
    return {metric.name: metric.score(y, as_judged(metric, name, guess)) for metric in every}


def measure(pipeline: Pipeline, y: Array, predictions: Floats) -> dict[str, Any]:
    """Return every metric of a pipeline's task with its interval, as JSON.

    It is empty without rows, and where there is one class only: no metric is defined then.

    Args:
        pipeline: says which metrics, and how they are resampled.
        y: (n,) class indices 0..k-1, or values for regression.
        predictions: (n, k) probabilities, or (n,) values for regression.
    """
    if not len(y) or (pipeline.task != "regression" and len(np.unique(y)) < 2):
        return {}
    evaluation = evaluate(
        y,
        predictions,
        task=pipeline.task,
        metric=pipeline.metric,
        seed=pipeline.training.seed,
        confidence=pipeline.gate.confidence,
    )
    metrics: dict[str, Any] = evaluation.to_dict()["metrics"]
    return metrics


def _judged(
    y: Array,
    predictions: Floats,
    deciding: Metric,
    every: tuple[Metric, ...],
    baselines: Mapping[str, Floats],
    sampling: Sampling,
) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """Return every metric and the gain over each baseline, all on the same resampled rows."""
    # together: gains are paired by the draws, and each model is judged once a round
    figures = [scored.weighted(y, predictions) for scored in every]
    guesses = (as_judged(deciding, name, guess) for name, guess in baselines.items())
    figures += [deciding.weighted(y, guess) for guess in guesses]
    values, draws = resample(figures, len(y), sampling)
    model = every.index(deciding)
    metrics = {
        scored.name: percentile_interval(
            values[place], np.clip(draws[place], *scored.bounds), sampling.confidence
        )
        for place, scored in enumerate(every)
    }
    gains = {
        name: percentile_interval(
            deciding.gain(values[model], values[place]),
            deciding.gain(draws[model], draws[place]),
            sampling.confidence,
        )
        for place, name in enumerate(baselines, start=len(every))
    }
    return metrics, gains


def check_predictions(y: Array, predictions: Floats, task: str) -> tuple[Array, Floats]:
    """Return labels and predictions as arrays that fit each other and the task.

    Args:
        y: (n,) class indices, or values for a regression.
        predictions: (n, k) or (n,) probabilities, or (n,) values.
        task: binary, multiclass or regression.

    Raises:
        DataError: there are no rows, something is not finite, or the shapes differ.
    """
    y, predictions = np.asarray(y), np.asarray(predictions)
    if len(y) == 0:
        raise DataError("evaluation", "there is at least one row", "none")
    if y.shape != (len(predictions),) or predictions.ndim > (1 if task == "regression" else 2):
        came = f"labels {y.shape} and predictions {predictions.shape}"
        raise DataError("evaluation", "every row has one label and one prediction", came)
    bad = int((~np.isfinite(predictions.reshape(len(y), -1)).all(axis=1) | ~np.isfinite(y)).sum())
    if bad:
        rule = "labels and predictions are finite numbers"
        raise DataError("evaluation", rule, f"{bad} of {len(y)} rows that are not")
    if task != "regression" and predictions.ndim == 2 and y.max() >= predictions.shape[1]:
        came = f"class {int(y.max())} and {predictions.shape[1]} columns"
        raise DataError("evaluation", "every class has a column of probabilities", came)
    return y, predictions


def rounds_for(rows: int) -> int:
    """Return how often to resample: 500 times, fewer beyond 60,000 rows, never under 100.

    >>> rounds_for(30_000), rounds_for(150_000), rounds_for(10_000_000)
    (500, 200, 100)
    """
    return int(np.clip(DRAWS // rows, FEWEST_ROUNDS, ROUNDS))
