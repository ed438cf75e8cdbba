"""The rows of one training run: checked, ordered, encoded and split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Hashes, Mask, Times
from tasks.config import Pipeline
from tasks.config.choices import Task
from tasks.dataset.arrival import effective_times
from tasks.dataset.classes import find_classes
from tasks.dataset.evidence import cross_validate, judges_in_folds
from tasks.dataset.split import (
    Fold,
    Split,
    exchangeable_folds,
    forward_folds,
    hashed_split,
    row_hashes,
    split,
)
from tasks.errors import DataError
from tasks.features.inference import infer_schema
from tasks.features.prepare import load_transform, prepare
from tasks.features.schema import FeatureSchema
from tasks.store.layout import INGESTED_AT

# With fewer, a holdout of a fifth has ten rows, and a fold may lack a class.
FEWEST = 50


@dataclass(frozen=True)
class Dataset:
    """Labelled rows ordered by event time: as curated (`frame`), and as a model sees them.

    `y` is the class index (int) or the value (float) of each row, `times` when each counts as (see
    `tasks.dataset.arrival`), `classes` as of `find_classes`. Rows
    without an event time are exchangeable: they have `hashes`, and their times are their arrivals.
    `strange` rows more are of classes that no training row has: they are left out, and counted.
    """

    frame: pd.DataFrame
    prepared: pd.DataFrame
    y: Array
    times: Times
    classes: tuple[Any, ...]
    schema: FeatureSchema
    split: Split
    hashes: Hashes | None = None
    strange: int = 0

    def folds(self, rows: Mask, k: int, task: Task) -> tuple[Fold, ...]:
        """Part the rows in the mask (n,) into folds; positions are among those rows."""
        if self.hashes is None:
            return forward_folds(self.times[rows], k)
        return exchangeable_folds(self.hashes[rows], self.y[rows], k, task)


def build_dataset(
    rows: pd.DataFrame, pipeline: Pipeline, known_until: np.datetime64 | None = None
) -> Dataset:
    """Check the rows and make the dataset of them; `known_until` as of `split_training`.

    Raises:
        DataError: the target is not a column, has one class only, does not fit the task, or
            the rows are too few.
        ConfigurationError: the file's positive class is no class of the target.
    """
    frame = _labelled(rows, pipeline)
    times = event_times(frame, pipeline.time_column)
    # what arrived in order, as most tables, needs no second copy of the frame
    if (times[1:] < times[:-1]).any():
        # stable: rows of one time stay as they are stored, or the same data gave another model
        order = np.argsort(times, kind="stable")
        frame, times = frame.iloc[order].reset_index(drop=True), times[order]
    hashes = None if pipeline.event_time else _hashes(frame, pipeline)
    parts = _part(frame, times, hashes, pipeline, known_until)
    folded = judges_in_folds(int(parts.holdout.sum()), pipeline)
    if folded:
        every = np.ones(len(times), dtype=bool)
        parts = Split(None, every, every)
    classes = find_classes(frame[pipeline.target][parts.training], pipeline)
    known = has_known_label(frame[pipeline.target], classes)
    # rows of a class that came after the training window cannot be judged; without them the
    # holdout's share lies elsewhere, so the boundary is sought again
    strange = int((~known).sum())
    if strange:
        frame, times = frame[known].reset_index(drop=True), times[known]
        hashes = None if hashes is None else hashes[known]
        parts = _part(frame, times, hashes, pipeline, known_until)
    y = encode(frame[pipeline.target], classes)
    if folded:
        parts = cross_validate(times, hashes, y, classes, pipeline)
    schema = infer_schema(frame[parts.training], pipeline)
    prepared = prepare(frame, schema, load_transform(pipeline.features.transform))
    return Dataset(frame, prepared, y, times, classes, schema, parts, hashes, strange)


def split_training(
    times: Times, pipeline: Pipeline, known_until: np.datetime64 | None = None
) -> Split:
    """Part the rows in training window and holdout.

    The holdout is the file's share of the rows, the latest. A challenger must not know less than
    the champion, or it loses by that alone: so where enough rows came since the champion was
    fitted, the holdout is at most the later half of them, and the challenger learns the earlier.

    Args:
        times: (n,) event times, as they count.
        known_until: the last event time that the champion was fitted on; None without one.

    >>> days = np.arange("2013-01-01", "2013-01-11", dtype="datetime64[D]").astype("datetime64[us]")
    >>> file = Pipeline(name="a", task="binary", target="y", event_time="t",
    ...                 training={"holdout": "50%"}, gate={"min_rows": 10})
    >>> split_training(days, file).boundary.day
    6
    >>> split_training(np.repeat(days, 10), file, np.datetime64("2013-01-06")).boundary.day
    9
    """
    parts = split(times, pipeline.training.holdout)
    if known_until is None:
        return parts
    unseen = np.sort(times[times > known_until])
    if len(unseen) < 2 * pipeline.gate.min_rows:
        return parts
    # a time of a row, not a place: rows of one time stay together
    middle = unseen[len(unseen) // 2].astype("datetime64[us]")
    if parts.boundary is None or middle.item() <= parts.boundary:
        return parts
    later = times >= middle
    return Split(middle.item(), ~later, later)


def split_exchangeable(
    hashes: Hashes,
    y: Array,
    arrived: Times,
    pipeline: Pipeline,
    known_until: np.datetime64 | None = None,
) -> Split:
    """Part exchangeable rows in training rows and holdout, by hash.

    A champion was fitted again with its own holdout, so of the rows that it could learn from it
    has seen every one, whatever their hash. Where enough of the held-out side came since, they
    alone are held out: neither contender has seen them, and the challenger learns all that the
    champion did. With fewer the whole side is held out, and the champion is compared by its
    setting, fitted on the training side (`tasks.training.comparison`).

    Args:
        hashes, y, arrived: (n,) hash, target and arrival of each row.
        known_until: the last arrival that the champion was fitted on; None without one.
    """
    parts = hashed_split(hashes, y, pipeline.training.holdout, pipeline.task)
    if known_until is None:
        return parts
    unseen = parts.holdout & (arrived > known_until)
    return parts if unseen.sum() < pipeline.gate.min_rows else Split(None, ~unseen, unseen)


def event_times(frame: pd.DataFrame, event_time: str) -> Times:
    """Return (n,) naive UTC times that curated rows count as: none lies beyond its arrival."""
    times = moments(frame[event_time])
    return effective_times(times, moments(frame[INGESTED_AT])) if INGESTED_AT in frame else times


def fitted_until(data: Dataset, rows: Mask) -> np.datetime64:
    """Return the latest event time of the rows in the mask (n,), never after they arrived."""
    times = data.times[rows]
    if INGESTED_AT not in data.frame:
        return np.datetime64(times.max())
    arrived = moments(data.frame[INGESTED_AT][rows])
    return np.datetime64(np.minimum(times, arrived).max())


def moments(column: pd.Series[Any]) -> Times:
    """Return event times as naive UTC microseconds.

    >>> str(moments(pd.Series(["2013-01-01T05:00:00-05:00"]))[0])
    '2013-01-01T10:00:00.000000'
    """
    return pd.to_datetime(column, utc=True).dt.tz_localize(None).to_numpy("datetime64[us]")


def has_known_label(target: pd.Series[Any], classes: tuple[Any, ...]) -> Mask:
    """Return (n,) whether a label is there, and of these classes where there are any.

    >>> has_known_label(pd.Series(["b", "c", None]), ("a", "b")).tolist()
    [True, False, False]
    """
    return np.asarray(target.isin(classes) if classes else target.notna())


def encode(target: pd.Series[Any], classes: tuple[Any, ...]) -> Array:
    """Return class indices, or the values where there are no classes.

    >>> encode(pd.Series(["b", "a"]), ("a", "b")).tolist()
    [1, 0]
    """
    if not classes:
        return target.to_numpy(dtype=np.float64)
    return target.map({label: i for i, label in enumerate(classes)}).to_numpy(dtype=np.int64)


def naive_figures(y: Array, classes: int, *, ordered: bool = True) -> dict[str, Any]:
    """Return what a naive prediction needs of the labels: (n,) class indices or values, by time.

    `classes` is their number, 0 for a regression; exchangeable labels are not `ordered`.

    >>> naive_figures(np.array([0, 0, 0, 1]), 2)
    {'shares': [0.75, 0.25], 'last': 1}
    """
    if classes:
        shares = np.bincount(y, minlength=classes) / len(y)
        known: dict[str, Any] = {"shares": shares.tolist(), "last": int(y[-1])}
    else:
        known = {"mean": float(np.mean(y)), "median": float(np.median(y)), "last": float(y[-1])}
    return known if ordered else {name: known[name] for name in known if name != "last"}


def _part(
    frame: pd.DataFrame,
    times: Times,
    hashes: Hashes | None,
    pipeline: Pipeline,
    known_until: np.datetime64 | None,
) -> Split:
    if hashes is None:
        return split_training(times, pipeline, known_until)
    y = frame[pipeline.target].to_numpy()
    return split_exchangeable(hashes, y, times, pipeline, known_until)


def _hashes(frame: pd.DataFrame, pipeline: Pipeline) -> Hashes:
    # without the target: rows that a model cannot tell apart stay on one side
    return row_hashes(frame.drop(columns=[pipeline.target]), pipeline.key)


def _labelled(rows: pd.DataFrame, pipeline: Pipeline) -> pd.DataFrame:
    where = f"pipeline {pipeline.name}"
    time = pipeline.time_column
    for role, column in (("target", pipeline.target), ("event time", time)):
        if column not in rows.columns:
            listed = ", ".join(map(str, rows.columns[:30]))
            raise DataError(
                where, f"the {role} is a column of the data", column, f"There: {listed}."
            )
    frame = rows[rows[pipeline.target].notna() & rows[time].notna()]
    if len(frame) < FEWEST:
        rule = f"at least {FEWEST} rows have a target"
        raise DataError(where, rule, len(frame), "Ingest more, or wait for labels.")
    return frame.reset_index(drop=True)
