"""One pass over the rows of a batch with the champion's answers, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats, Mask, Times
from tasks.data.standing import scan_standing
from tasks.dataset.dataset import encode, moments
from tasks.drift.profiling import Profiler
from tasks.errors import ConfigurationError, DataError
from tasks.features.history import add_history
from tasks.features.prepare import prepared_columns
from tasks.features.terms import count_words
from tasks.labels.join import with_labels
from tasks.labels.known import load_history, newest_versions
from tasks.labels.table import labels_table, labels_version, load_labels
from tasks.monitoring.arrivals import Arrival
from tasks.promotion.model_version import ModelVersion
from tasks.scoring.judgement import Labelled
from tasks.store.layout import BATCH, INGESTED_AT
from tasks.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

# Every n-th row is kept so that at most so many are: a pass holds no more, however large the
# batch.
ESTIMATED = 200_000
# What a retraining bought is told by a third decimal: more rows would only cost a second model.
COMPARED = 10_000


@dataclass
class Gathered:
    """What one pass gathers; of the rows themselves every `every`-th one is kept.

    `times`, `arrived` and `known` (it has a label) are (rows,). `strange` counts labels of classes
    that the champion does not know. `compared` holds labels, answers and those of the model
    that was replaced.
    """

    labelled: Labelled
    profiler: Profiler
    every: int
    compared: list[tuple[Array, Floats, Floats]] = field(default_factory=list)
    times: Times = field(default_factory=lambda: np.array([], "datetime64[us]"))
    arrived: Times = field(default_factory=lambda: np.array([], "datetime64[us]"))
    known: Mask = field(default_factory=lambda: np.array([], bool))
    strange: Counter[str] = field(default_factory=Counter)
    kept: list[tuple[pd.DataFrame, Floats, pd.Series[Any]]] = field(default_factory=list)

    def sample(self) -> tuple[pd.DataFrame, Floats, pd.Series[Any]]:
        """Return the kept rows prepared, the answers to them, and their targets."""
        prepared, predictions, targets = zip(*self.kept, strict=True)
        return (
            pd.concat(prepared, ignore_index=True),
            np.concatenate(predictions),
            pd.concat(targets, ignore_index=True),
        )


def gather(
    workspace: Workspace, champion: ModelVersion, replaced: ModelVersion | None, arrival: Arrival
) -> Gathered:
    """Read a batch once, and keep of it what an observation is made of.

    Raises:
        DataError: it has no row, lacks a feature of the champion, or a value does not fit.
    """
    target, event_time = workspace.pipeline.target, workspace.pipeline.time_column
    classes = tuple(champion.manifest.classes)
    # what answers with other classes cannot be compared
    before = replaced if replaced and tuple(replaced.manifest.classes) == classes else None
    labelled = Labelled.empty(champion.manifest, workspace.pipeline)
    columns = prepared_columns(champion.schema)
    profiler = Profiler(columns, classes)
    seen = Gathered(labelled, profiler, arrival.rows // ESTIMATED + 1)
    for frame in _frames(workspace, champion, arrival):
        prepared = champion.prepare(frame)
        predictions = np.asarray(champion.model.predict(prepared))
        seen.profiler.add(prepared, predictions)
        known = seen.labelled.known(frame)
        if classes:
            strange = frame[target][frame[target].notna() & ~known].astype(str)
            seen.strange.update(strange.to_list())
        seen.labelled = seen.labelled.plus(frame, predictions)
        some = np.flatnonzero(known)[:: arrival.rows // COMPARED + 1]
        if before is not None and len(some):
            theirs = _answers(before, champion, frame.iloc[some], prepared.iloc[some])
            y = encode(frame[target].iloc[some], labelled.classes)
            seen.compared.append((y, predictions[some], theirs))
        seen.known = np.concatenate([seen.known, known])
        seen.times = np.concatenate([seen.times, moments(frame[event_time])])
        seen.arrived = np.concatenate([seen.arrived, moments(frame[INGESTED_AT])])
        part = slice(None, None, seen.every)
        watched = count_words(prepared.iloc[part], columns)
        seen.kept.append((watched, predictions[part], frame[target].iloc[part]))
    if not seen.kept:
        rule = "the labels are for rows that came" if arrival.labels else "the batch has rows"
        raise DataError(workspace.curated.uri, rule, arrival.batch)
    return seen


def _frames(
    workspace: Workspace, champion: ModelVersion, arrival: Arrival
) -> Iterator[pd.DataFrame]:
    import polars as pl

    bucket, pipeline = workspace.bucket, workspace.pipeline
    labels = load_labels(bucket, pipeline, labels_version(bucket, pipeline))
    curated = workspace.curated
    # a batch is looked at as it came, also where a later one corrected it meanwhile
    rows = (
        scan_standing(curated, pipeline.key).filter(_span(workspace, arrival))
        if arrival.labels
        else curated.scan().filter(pl.col(BATCH) == arrival.batch)
    )
    history, known = champion.schema.history, None
    if history is not None:
        # the batch is among it: each row is told what came before itself, one step ahead
        versions = newest_versions(workspace, pipeline)
        known = load_history(workspace, pipeline, history, versions)
    for piece in curated.pieces(rows):
        if piece.num_rows:
            frame = piece.to_pandas(date_as_object=False, split_blocks=True)
            frame = with_labels(frame, labels, pipeline)[0]
            if history is not None and known is not None:
                frame = add_history(frame, history, known)
            yield frame


def _span(workspace: Workspace, arrival: Arrival) -> pl.Expr:
    """Return the rows between the first and the last that these labels are for."""
    import polars as pl

    event_time, keys = workspace.pipeline.time_column, list(workspace.pipeline.key)
    at, labels = pl.col(event_time), labels_table(workspace.bucket, workspace.name).scan()
    brought = labels.filter(pl.col(BATCH) == arrival.batch).select(keys)
    standing = scan_standing(workspace.curated, keys)
    rows = standing.select(list(dict.fromkeys([*keys, event_time])))
    zone = getattr(rows.collect_schema()[event_time], "time_zone", None)
    # a row that is dated after its label came says nothing about the span
    came = arrival.at if zone else arrival.at.replace(tzinfo=None)
    mine = rows.join(brought, on=keys, how="semi").filter(at <= came)
    first, last = mine.select(at.min().alias("a"), at.max().alias("b")).collect().row(0)
    return at.is_between(first, last) if first is not None else pl.lit(value=False)


def _answers(
    before: ModelVersion, now: ModelVersion, rows: pd.DataFrame, prepared: pd.DataFrame
) -> Floats:
    """Return what the model that was replaced answers; nothing where it cannot read the rows."""
    try:
        # both prepare rows alike, as is usual: then those prepared for the champion serve again
        if before.schema == now.schema and before.transform is now.transform:
            return np.asarray(before.model.predict(prepared))
        return before.predict(rows)
    # nor does it, where the user's function that it was fitted with is gone
    except (DataError, ConfigurationError):
        return np.zeros(0)
