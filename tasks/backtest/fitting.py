"""Fit one model of a history as a retraining would, and judge it on every later batch. Pure."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Integers, Mask, Times
from tasks.backtest.history import Cell, Fit
from tasks.config import Pipeline, window_length
from tasks.dataset.dataset import (
    Dataset,
    build_dataset,
    encode,
    fitted_until,
    has_known_label,
)
from tasks.dataset.evidence import describe_split
from tasks.drift.profile import Profile
from tasks.drift.profiling import Profiler
from tasks.estimation.estimator import Estimator
from tasks.evaluation.bootstrap import interval
from tasks.evaluation.metrics import METRICS
from tasks.features.prepare import load_transform, prepare, prepared_columns
from tasks.features.schema import FeatureSchema
from tasks.features.terms import count_words
from tasks.metering import measure_cost
from tasks.models.importance import column_importances
from tasks.models.model import Model
from tasks.monitoring.judging import bootstrap
from tasks.monitoring.look import Eye, PredictedBatch, drift_figure, look
from tasks.policy.challengers import select_rows
from tasks.policy.situation import MetricValue
from tasks.records import plain, read
from tasks.scoring.judgement import Labelled
from tasks.training.folds import answer_folds, fit_rows
from tasks.training.selecting import select_features
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
        """Return JSON values; of the errors their number, they are in `files`."""
        cells = {
            str(number): {**vars(cell), "errors": None if cell.errors is None else len(cell.errors)}
            for number, cell in self.cells.items()
        }
        return dict(plain({"fit": self.fit, "cells": cells}, nan_as_null=True))

    def files(self) -> dict[str, bytes]:
        """Return the errors on every batch, one after the other."""
        known = [cell.errors for cell in self.cells.values() if cell.errors is not None]
        # one file for all batches: each would be a request of its own; a detector that looks for
        # changes of a mean needs no more digits than float32 has
        buffer, every = io.BytesIO(), np.concatenate([np.zeros(0, np.float32), *known])
        np.save(buffer, every.astype(np.float32), allow_pickle=False)
        return {ERRORS: buffer.getvalue()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], files: Mapping[str, bytes]) -> MeasuredFit:
        """Read what `to_dict` and `files` wrote."""
        every, start, cells = np.load(io.BytesIO(files[ERRORS]), allow_pickle=False), 0, {}
        for number, cell in content["cells"].items():
            count, known = cell["errors"], read(Cell, {**cell, "errors": None}, "kept fit")
            errors = None if count is None else every[start : start + count]
            cells[int(number)] = replace(known, errors=errors)
            start += count or 0
        return cls(read(Fit, content["fit"], "kept fit"), cells)


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

    The cost is that of a retraining, without what the judging of later batches takes.

    Raises:
        DataError: these rows do not make a model (too few, one class only).
    """
    with measure_cost() as meter:
        start = time.perf_counter()
        made = _make(rows, recipe, end)
        seconds = time.perf_counter() - start
    until = made.eye.until.astype("datetime64[us]").item()
    fit = Fit(meter.cost.cpu_seconds, round(seconds, 3), made.rows, made.reference, until)
    return MeasuredFit(fit, _cells(rows, recipe.pipeline, made, end))


def _make(rows: HistoryRows, recipe: Recipe, end: int) -> _Made:
    """Do what a training does: fit, judge on the holdout, fit again with it, keep a profile."""
    # the answers are the fitted model's own: the gate holds an export to the same ones, and
    # exporting every model would only cost time
    pipeline = recipe.pipeline
    known = (rows.place <= end) & ~rows.held
    known = select_rows(window_length(pipeline), rows.times, known)
    every = build_dataset(rows.frame[known].reset_index(drop=True), pipeline)
    data = select_features(every, pipeline)
    training, holdout = data.split.training, data.split.holdout
    columns, classes = prepared_columns(data.schema), len(data.classes)
    model = fit_rows(data, pipeline, recipe.setting, training)
    confidence, seed = pipeline.gate.confidence, pipeline.training.seed
    if data.split.folds:
        judged, held_out = data.split.judged, describe_split(data.split)
        answers = answer_folds(data, pipeline, recipe.setting)
        sampling = held_out.sample(len(answers), confidence, seed)
        found = interval(METRICS[pipeline.metric], data.y[judged], answers, sampling)
        answers = answers[:: held_out.repeats]
    else:
        answers = model.answers(data.prepared[holdout], classes)
        found = bootstrap(pipeline.metric, data.y[holdout], answers, confidence, seed)
    held = int(holdout.sum())
    reference = MetricValue(pipeline.metric, found.value, found.low, found.high, held, held)
    # from the holdout before the refit, as a training does: the refitted model has seen these rows
    estimator = Estimator.fit(
        pipeline.task, pipeline.metric, classes, data.y[holdout], answers,
        count_words(data.prepared[holdout], columns), seed,
    )  # fmt: skip
    refitted = pipeline.training.refit and not data.split.folds
    learned = np.ones(len(data.y), dtype=bool) if refitted else training
    if refitted:
        model = fit_rows(data, pipeline, recipe.setting, learned)
    profiler = Profiler(columns, data.classes)
    profiler.add(data.prepared[learned])
    weighted = pipeline.monitoring.drift.weights == "importance"
    weights = column_importances(model, columns) if weighted else {}
    eye = Eye(fitted_until(data, learned), profiler.result(), weights, estimator)
    return _Made(model, data, int(learned.sum()), reference, eye)


def _cells(rows: HistoryRows, pipeline: Pipeline, made: _Made, end: int) -> dict[int, Cell]:
    """Predict every later row in one call, then look at one batch after the other."""
    later = rows.place > end
    frame, place = rows.frame[later].reset_index(drop=True), rows.place[later]
    # once for all later batches: preparing is row by row, so batches do not matter to it
    prepared = prepare(frame, made.data.schema, load_transform(pipeline.features.transform))
    classes = made.data.classes
    answers = made.model.answers(prepared, len(classes))
    watched = count_words(prepared, prepared_columns(made.data.schema))
    target, times = frame[pipeline.target], rows.times[later]
    known = has_known_label(target, classes)
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
        unknown = int((there & ~known & target.notna().to_numpy()).sum())
        met = PredictedBatch(
            times[there], labelled, profile, watched[there], answers[there], unknown
        )
        sight = look(pipeline, made.eye, met)
        assert sight.drift is not None, "every model of a backtest has a profile"
        drift = drift_figure(sight.drift)
        cells[number] = Cell(sight.live, drift, sight.estimated, sight.errors, sight.late)
    return cells


def _profile(rows: HistoryRows, at: int, schema: FeatureSchema, prepared: pd.DataFrame) -> Profile:
    """Profile a batch's features, once for all the models that see it in the same way."""
    # by what a model reads: two that were fitted on other categories or types see other columns
    key = (repr(schema.features), at)
    if key not in rows.seen:
        profiler = Profiler(prepared_columns(schema))
        profiler.add(prepared)
        rows.seen[key] = profiler.result()
    return rows.seen[key]
