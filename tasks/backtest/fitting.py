"""Fit one model of a history as a retraining would, and judge it on every later batch. Pure."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Floats, Integers, Mask, Times
from tasks.backtest.history import Cell, Fit
from tasks.config import Pipeline, window_length
from tasks.dataset.dataset import Dataset, build_dataset, encode, fitted_until
from tasks.drift.profile import Profile
from tasks.drift.profiling import Profiler
from tasks.estimation.estimator import Estimator
from tasks.features.prepare import load_transform, prepare, prepared_columns
from tasks.features.schema import FeatureSchema
from tasks.models.families import FAMILIES
from tasks.models.importance import column_importances
from tasks.models.model import Model
from tasks.monitoring.judging import bootstrap
from tasks.monitoring.look import Eye, PredictedBatch, Sight, drift_figure, look
from tasks.policy.challengers import select_rows
from tasks.policy.situation import DriftFigure, MetricValue
from tasks.scoring.judgement import Labelled
from tasks.training.cost import measure_cost
from tasks.tuning.trial import Setting

ERRORS = "errors.npy"


@dataclass(frozen=True, eq=False)
class HistoryRows:
    """The curated rows by event time, each with its time, its arrival and its batch.

    `held` marks those that no model learns from: a person has not cleared them. `seen` keeps the
    profiles of batches, which many models are compared with.
    """

    frame: pd.DataFrame
    times: Times
    arrived: Times
    place: Integers
    held: Mask
    seen: dict[tuple[str, int], Profile] = field(default_factory=dict, repr=False)

    @property
    def batches(self) -> int:
        return int(self.place.max()) + 1


@dataclass(frozen=True)
class Recipe:
    """What is fitted, for which pipeline."""

    pipeline: Pipeline
    setting: Setting


@dataclass(frozen=True, eq=False)
class MeasuredFit:
    """One fitted model, and what was measured when it met each later batch."""

    fit: Fit
    cells: Mapping[int, Cell]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; the errors are in `files`."""
        return {
            "fit": self.fit.to_dict(),
            "cells": {str(number): _cell_dict(cell) for number, cell in self.cells.items()},
        }

    def files(self) -> dict[str, bytes]:
        """Return the errors on every batch, one after the other."""
        buffer, known = io.BytesIO(), [_errors(cell) for cell in self.cells.values()]
        np.save(buffer, np.concatenate([np.zeros(0, np.float32), *known]), allow_pickle=False)
        return {ERRORS: buffer.getvalue()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], files: Mapping[str, bytes]) -> MeasuredFit:
        """Read what `to_dict` and `files` wrote."""
        every, start, cells = np.load(io.BytesIO(files[ERRORS]), allow_pickle=False), 0, {}
        for number, cell in content["cells"].items():
            errors = None if cell["errors"] is None else every[start : start + cell["errors"]]
            start += cell["errors"] or 0
            drift = None if cell["drift"] is None else DriftFigure(**cell["drift"])
            live, estimated = _figure(cell["live"]), _figure(cell["estimated"])
            cells[int(number)] = Cell(live, drift, estimated, errors, cell["late"])
        return cls(Fit.from_dict(content["fit"]), cells)


@dataclass(frozen=True)
class _Made:
    """A fitted model with what a champion keeps to be watched by."""

    model: Model
    data: Dataset
    rows: int
    reference: MetricValue
    eye: Eye


def measure(rows: HistoryRows, recipe: Recipe, end: int) -> MeasuredFit:
    """Fit on the batches up to `end`, and judge on each later one.

    The answers are the fitted model's own: the gate holds an export to the same answers, and
    exporting every model would only cost time. The cost is that of a retraining, without what
    the judging of later batches takes.

    Raises:
        DataError: these rows do not make a model (too few, one class only).
    """
    with measure_cost() as meter:
        start = pd.Timestamp.now()
        made = _make(rows, recipe, end)
        seconds = (pd.Timestamp.now() - start).total_seconds()
    until = made.eye.until.astype("datetime64[us]").item()
    fit = Fit(meter.cost.cpu_seconds, round(seconds, 3), made.rows, made.reference, until)
    return MeasuredFit(fit, _cells(rows, recipe.pipeline, made, end))


def _make(rows: HistoryRows, recipe: Recipe, end: int) -> _Made:
    """Do what a training does: fit, judge on the holdout, fit again with it, keep a profile."""
    pipeline = recipe.pipeline
    known = (rows.place <= end) & ~rows.held
    known = select_rows(window_length(pipeline), rows.times, known)
    data = build_dataset(rows.frame[known].reset_index(drop=True), pipeline)
    training, holdout = data.split.training, data.split.holdout
    columns, classes = prepared_columns(data.schema), len(data.classes)
    model = _fitted(recipe, data, training)
    answers = model.answers(data.prepared[holdout], classes)
    confidence, seed = pipeline.gate.confidence, pipeline.training.seed
    found = bootstrap(pipeline.metric, data.y[holdout], answers, confidence, seed)
    held = int(holdout.sum())
    reference = MetricValue(pipeline.metric, found.value, found.low, found.high, held, held)
    # from the holdout before the refit, as a training does: the refitted model has seen these rows
    estimator = Estimator.fit(
        pipeline.task, pipeline.metric, classes, data.y[holdout], answers,
        data.prepared[holdout], seed,
    )  # fmt: skip
    learned = np.ones(len(data.y), dtype=bool) if pipeline.training.refit else training
    if pipeline.training.refit:
        model = _fitted(recipe, data, learned)
    profiler = Profiler(columns, data.classes)
    profiler.add(data.prepared[learned])
    weights = column_importances(model, columns) if _weighted(pipeline) else {}
    eye = Eye(fitted_until(data, learned), profiler.result(), weights, estimator)
    return _Made(model, data, int(learned.sum()), reference, eye)


def _fitted(recipe: Recipe, data: Dataset, rows: Mask) -> Model:
    pipeline, setting = recipe.pipeline, recipe.setting
    model = FAMILIES[setting.family].build(
        setting.params, prepared_columns(data.schema), pipeline.task, pipeline.training.seed
    )
    return model.fit(data.prepared[rows], data.y[rows])


def _weighted(pipeline: Pipeline) -> bool:
    return pipeline.monitoring.drift.weights == "importance"


def _cells(rows: HistoryRows, pipeline: Pipeline, made: _Made, end: int) -> dict[int, Cell]:
    """Predict every later row in one call, then look at one batch after the other."""
    later = rows.place > end
    frame, place = rows.frame[later].reset_index(drop=True), rows.place[later]
    # once for all later batches: preparing is row by row, so batches do not matter to it
    prepared = prepare(frame, made.data.schema, load_transform(pipeline.features.transform))
    classes = made.data.classes
    answers = made.model.answers(prepared, len(classes))
    target, times = frame[pipeline.target], rows.times[later]
    known = np.asarray(target.isin(classes) if classes else target.notna())
    cells = {}
    for number in range(end + 1, rows.batches):
        there = place == number
        told = there & known
        labelled = Labelled(
            pipeline.target,
            pipeline.event_time,
            classes,
            encode(target[told], classes),
            answers[told],
            times[told],
        )
        profile = _profile(rows, number, made.data.schema, prepared[there])
        met = PredictedBatch(times[there], labelled, profile, prepared[there], answers[there])
        cells[number] = _cell(look(pipeline, made.eye, met))
    return cells


def _cell(sight: Sight) -> Cell:
    assert sight.drift is not None, "every model of a backtest has a profile"
    drift = drift_figure(sight.drift)
    return Cell(sight.live, drift, sight.estimated, sight.errors, sight.late)


def _profile(rows: HistoryRows, at: int, schema: FeatureSchema, prepared: pd.DataFrame) -> Profile:
    """Profile a batch's features, once for all the models that see it in the same way."""
    key = (repr(schema.features), at)
    if key not in rows.seen:
        profiler = Profiler(prepared_columns(schema))
        profiler.add(prepared)
        rows.seen[key] = profiler.result()
    return rows.seen[key]


def _figure(content: Mapping[str, Any] | None) -> MetricValue | None:
    return None if content is None else MetricValue.from_dict(content)


def _errors(cell: Cell) -> Floats:
    return np.zeros(0, np.float32) if cell.errors is None else np.asarray(cell.errors, np.float32)


def _cell_dict(cell: Cell) -> dict[str, Any]:
    return {
        "live": None if cell.live is None else cell.live.to_dict(),
        "drift": None if cell.drift is None else asdict(cell.drift),
        "estimated": None if cell.estimated is None else cell.estimated.to_dict(),
        "errors": None if cell.errors is None else len(cell.errors),
        "late": cell.late,
    }
