"""Look at one batch with the champion's eyes: one pass over its rows, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats, Mask, Times
from tasks.config import Pipeline
from tasks.data.standing import scan_standing
from tasks.dataset.arrival import effective_times, latest_time, slips
from tasks.dataset.dataset import encode, has_known_label, moments
from tasks.drift.profile import ColumnProfile
from tasks.drift.profiling import Profiler, target_profile
from tasks.drift.report import SAMPLE
from tasks.errors import DataError
from tasks.evaluation.suspicion import associations, find_contradiction, suspicions
from tasks.features.prepare import prepared_columns
from tasks.features.terms import count_words
from tasks.labels.join import with_labels
from tasks.labels.table import labels_table, labels_version, load_labels
from tasks.monitoring.arrivals import Arrival
from tasks.monitoring.champion import open_eye
from tasks.monitoring.look import PredictedBatch, look, measure_gain
from tasks.monitoring.observation import Observation
from tasks.policy.reading import count_text as number_of
from tasks.promotion.model_version import ModelVersion
from tasks.scoring.judgement import Labelled, judge_labelled
from tasks.store.layout import BATCH, INGESTED_AT
from tasks.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

# Every n-th row is kept so that at most so many are: a pass holds no more, however large the
# batch.
ESTIMATED = 200_000
# What a retraining bought is told by a third decimal: more rows would only cost a second model.
COMPARED = 10_000


@dataclass(frozen=True)
class ObservedBatch:
    """What an observation was made of, for the report and the policy.

    `errors` are the champion's on the labelled rows that it was not fitted on, 0 to 1, in time
    order; `sample` holds at most `SAMPLE` prepared rows, evenly taken, for the drift page.
    """

    observation: Observation
    errors: Floats
    sample: pd.DataFrame


def observe(
    workspace: Workspace, champion: ModelVersion, replaced: ModelVersion | None, arrival: Arrival
) -> ObservedBatch:
    """Profile, predict and judge the rows of one batch.

    Raises:
        DataError: the batch lacks a feature of the champion, or a value does not fit.
    """
    pipeline = workspace.pipeline
    seen = _pass(workspace, champion, replaced, arrival)
    times = effective_times(seen.times, seen.arrived)
    labelled = replace(seen.labelled, times=times[seen.known])
    sample, predictions, target = seen.sample()
    profile = replace(seen.profiler.result(), target=_target_profile(champion, labelled))
    # judged after the pass: an interval needs all labels at once, the profile does not
    every = judge_labelled(pipeline, champion.manifest, labelled)
    unknown = sum(seen.strange.values())
    met = PredictedBatch(times, labelled, profile, sample, predictions, unknown)
    sight = look(pipeline, open_eye(pipeline, champion), met, every.get("metrics"))
    held, told = _warnings(champion, sample, predictions, target)
    clock = latest_time(seen.times, seen.arrived)
    observation = Observation(
        pipeline=pipeline.name,
        batch=arrival.batch,
        version=champion.manifest.version,
        data_version=arrival.data_version,
        object=arrival.object,
        first=str(times.min()),
        last=str(times.max()),
        rows=len(times),
        # also of a class that this model does not know: the next one may learn from them
        labelled=len(labelled.y) + unknown,
        known=sight.known,
        live=sight.live,
        estimated=sight.estimated,
        metrics=every.get("metrics", {}),
        baselines=every.get("baselines", {}),
        drift=sight.drift,
        suspicions=held,
        warnings=(*told, *_slips(seen), *_strange(seen, pipeline)),
        clock=None if clock is None else str(clock),
        gain=_gain(pipeline.metric, seen),
    )
    shown = sample.iloc[:: len(sample) // SAMPLE + 1].reset_index(drop=True)
    return ObservedBatch(observation, sight.errors, shown)


@dataclass
class _Pass:
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


def _pass(
    workspace: Workspace, champion: ModelVersion, replaced: ModelVersion | None, arrival: Arrival
) -> _Pass:
    target, event_time = workspace.pipeline.target, workspace.pipeline.time_column
    classes = tuple(champion.manifest.classes)
    # what answers with other classes cannot be compared
    before = replaced if replaced and tuple(replaced.manifest.classes) == classes else None
    labelled = Labelled.empty(champion.manifest, workspace.pipeline)
    columns = prepared_columns(champion.schema)
    profiler = Profiler(columns.watched, classes)
    seen = _Pass(labelled, profiler, arrival.rows // ESTIMATED + 1)
    for frame in _frames(workspace, arrival):
        prepared = champion.prepare(frame)
        predictions = np.asarray(champion.model.predict(prepared))
        watched = count_words(prepared, columns)
        seen.profiler.add(watched, predictions)
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
        seen.kept.append((watched.iloc[part], predictions[part], frame[target].iloc[part]))
    if not seen.kept:
        rule = "the labels are for rows that came" if arrival.labels else "the batch has rows"
        raise DataError(workspace.curated.uri, rule, arrival.batch)
    return seen


def _frames(workspace: Workspace, arrival: Arrival) -> Iterator[pd.DataFrame]:
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
    for piece in curated.pieces(rows):
        if piece.num_rows:
            frame = piece.to_pandas(date_as_object=False, split_blocks=True)
            yield with_labels(frame, labels, pipeline)[0]


def _span(workspace: Workspace, arrival: Arrival) -> pl.Expr:
    """Return the rows between the first and the last that these labels are for."""
    import polars as pl

    event_time, keys = workspace.pipeline.time_column, list(workspace.pipeline.key)
    at, labels = pl.col(event_time), labels_table(workspace.bucket, workspace.name).scan()
    brought = labels.filter(pl.col(BATCH) == arrival.batch).select(keys)
    rows = workspace.curated.scan().select(list(dict.fromkeys([*keys, event_time])))
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
    except DataError:
        return np.zeros(0)


def _target_profile(champion: ModelVersion, labelled: Labelled) -> ColumnProfile | None:
    classes = tuple(champion.manifest.classes)
    if not len(labelled.y):
        return None
    labels = np.array(classes, dtype=object)[labelled.y] if classes else labelled.y
    return target_profile(labels, classes)


def _gain(metric: str, seen: _Pass) -> float | None:
    if not seen.compared or any(len(y) != len(theirs) for y, _, theirs in seen.compared):
        return None
    y, ours, theirs = (np.concatenate(part) for part in zip(*seen.compared, strict=True))
    return measure_gain(metric, y, ours, theirs)


def _strange(seen: _Pass, pipeline: Pipeline) -> tuple[str, ...]:
    if not seen.strange:
        return ()
    count = number_of(sum(seen.strange.values()), "label is", "labels are")
    named = f" ({', '.join(label[:30] for label, _ in seen.strange.most_common(5))})"
    named = "" if pipeline.target in pipeline.data.personal else named
    return (f"{count} of classes that the model does not know{named}; no figure counts them.",)


def _slips(seen: _Pass) -> tuple[str, ...]:
    wrong = int(slips(seen.times, seen.arrived).sum())
    if not wrong:
        return ()
    return (f"{number_of(wrong, 'row is', 'rows are')} dated after it came; no clock follows.",)


def _warnings(
    champion: ModelVersion, prepared: pd.DataFrame, predictions: Floats, target: pd.Series[Any]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what holds a retraining back, and what is merely told."""
    classes = tuple(champion.manifest.classes)
    # a label of a class that the model does not know tells nothing about its answers
    known = has_known_label(target, classes)
    if not known.any():
        return (), ()
    y = encode(target[known], classes)
    now = associations(prepared[known].reset_index(drop=True), y, len(classes))
    held = suspicions(y, classes, now, champion.signs.get("associations", {}))
    expected = champion.signs.get("surest_wrong")
    if expected is None:
        return held, ()
    told, absurd = find_contradiction(y, predictions[known], expected)
    if absurd:
        return (*held, told), ()
    return held, (told,) if told else ()
