"""Look at one batch with the champion's eyes: one pass over its rows, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats, Mask, Times
from tasks.data.curated import BATCH, INGESTED_AT
from tasks.dataset.arrival import effective_times, latest_time, slips
from tasks.dataset.dataset import encode, moments
from tasks.drift.drift import DatasetDrift
from tasks.drift.profile import ColumnProfile
from tasks.drift.profiling import Profiler, target_profile
from tasks.errors import DataError
from tasks.evaluation.suspicion import associations, find_contradiction, suspicions
from tasks.features.prepare import prepared_columns
from tasks.labels.join import with_labels
from tasks.monitoring.arrivals import Arrival
from tasks.monitoring.look import PredictedBatch, look, measure_gain
from tasks.monitoring.observation import Observation
from tasks.monitoring.watch import Watch
from tasks.policy.reading import count_text as number_of
from tasks.promotion.model_version import ModelVersion
from tasks.scoring.judgement import Labelled, judge_labelled

if TYPE_CHECKING:
    import polars as pl

# Of the rows of the drift page, of which Evidently is shown as many (tasks/drift/report.py).
SAMPLE = 5_000
# Every n-th row is kept so that at most so many are: a pass holds no more, however large the
# batch.
ESTIMATED = 200_000
# What a retraining bought is told by a third decimal: more rows would only cost a second model.
COMPARED = 10_000


@dataclass(frozen=True)
class ObservedBatch:
    """What an observation was made of, for the report and the policy.

    `errors` are the champion's on the labelled rows that it was not fitted on, 0 to 1, in time
    order; `sample` holds at most `SAMPLE` prepared rows, evenly taken.
    """

    observation: Observation
    drift: DatasetDrift | None
    errors: Floats
    sample: pd.DataFrame


def observe(watch: Watch, arrival: Arrival) -> ObservedBatch:
    """Profile, predict and judge the rows of one batch.

    Raises:
        DataError: the batch lacks a feature of the champion, or a value does not fit.
    """
    scorer, pipeline = watch.scorer, watch.pipeline
    assert scorer is not None, "there is a champion to watch"
    seen = _pass(watch, scorer, arrival)
    times = effective_times(seen.times, seen.arrived)
    labelled = replace(seen.labelled, times=times[seen.known])
    sample, predictions, target = seen.sample()
    profile = seen.profiler.result()
    profile = profile.judged_on(profile.predictions, _target_profile(scorer, labelled))
    # judged after the pass: an interval needs all labels at once, the profile does not
    every = judge_labelled(pipeline, scorer.manifest, labelled)
    met = PredictedBatch(times, labelled, profile, sample, predictions)
    sight = look(pipeline, watch.eye, met, every.get("metrics"))
    held, told = _warnings(watch, scorer, sample, predictions, target)
    clock = latest_time(seen.times, seen.arrived)
    observation = Observation(
        pipeline=pipeline.name,
        batch=arrival.batch,
        version=scorer.manifest.version,
        data_version=arrival.data_version,
        object=arrival.object,
        first=str(times.min()),
        last=str(times.max()),
        rows=len(times),
        labelled=len(labelled.y),
        known=sight.known,
        live=sight.live,
        estimated=sight.estimated,
        metrics=every.get("metrics", {}),
        baselines=every.get("baselines", {}),
        drift=None if sight.drift is None else sight.drift.to_dict(),
        suspicions=held,
        warnings=(*told, *_slips(seen)),
        clock=None if clock is None else str(clock),
        gain=_gain(pipeline.metric, seen),
    )
    shown = sample.iloc[:: len(sample) // SAMPLE + 1].reset_index(drop=True)
    return ObservedBatch(observation, sight.drift, sight.errors, shown)


@dataclass
class _Pass:
    """What one pass gathers; of the rows themselves every `every`-th one is kept.

    `times`, `arrived` and `known` (it has a label) are (rows,). `compared` holds labels, answers
    and those of the model that was replaced, of at most `COMPARED` labelled rows, evenly taken.
    """

    labelled: Labelled
    profiler: Profiler
    every: int
    compared: list[tuple[Array, Floats, Floats]] = field(default_factory=list)
    times: Times = field(default_factory=lambda: np.array([], "datetime64[us]"))
    arrived: Times = field(default_factory=lambda: np.array([], "datetime64[us]"))
    known: Mask = field(default_factory=lambda: np.array([], bool))
    kept: list[tuple[pd.DataFrame, Floats, pd.Series[Any]]] = field(default_factory=list)

    def sample(self) -> tuple[pd.DataFrame, Floats, pd.Series[Any]]:
        """Return the kept rows prepared, the answers to them, and their targets."""
        prepared, predictions, targets = zip(*self.kept, strict=True)
        return (
            pd.concat(prepared, ignore_index=True),
            np.concatenate(predictions),
            pd.concat(targets, ignore_index=True),
        )


def _pass(watch: Watch, scorer: ModelVersion, arrival: Arrival) -> _Pass:
    pipeline = watch.pipeline
    labelled = Labelled.empty(scorer.manifest, pipeline)
    profiler = Profiler(prepared_columns(scorer.schema), tuple(scorer.manifest.classes))
    before = _comparable(watch, scorer)
    seen = _Pass(labelled, profiler, arrival.rows // ESTIMATED + 1)
    for frame in _frames(watch, arrival):
        prepared = scorer.prepare(frame)
        predictions = np.asarray(scorer.model.predict(prepared))
        seen.profiler.add(prepared, predictions)
        known = seen.labelled.known(frame)
        seen.labelled = seen.labelled.plus(frame, predictions)
        some = np.flatnonzero(known)[:: arrival.rows // COMPARED + 1]
        if before is not None and len(some):
            theirs = _answers(before, scorer, frame.iloc[some], prepared.iloc[some])
            y = encode(frame[pipeline.target].iloc[some], labelled.classes)
            seen.compared.append((y, predictions[some], theirs))
        seen.known = np.concatenate([seen.known, known])
        seen.times = np.concatenate([seen.times, moments(frame[pipeline.event_time])])
        seen.arrived = np.concatenate([seen.arrived, moments(frame[INGESTED_AT])])
        part = slice(None, None, seen.every)
        seen.kept.append(
            (prepared.iloc[part], predictions[part], frame[pipeline.target].iloc[part])
        )
    if not seen.kept:
        rule = "the labels are for rows that came" if arrival.labels else "the batch has rows"
        raise DataError(watch.table.uri, rule, arrival.batch)
    return seen


def _frames(watch: Watch, arrival: Arrival) -> Iterator[pd.DataFrame]:
    import polars as pl

    where = _span(watch, arrival) if arrival.labels else pl.col(BATCH) == arrival.batch
    for piece in watch.table.pieces(where=where):
        if piece.num_rows:
            frame = piece.to_pandas(date_as_object=False, split_blocks=True)
            yield with_labels(frame, watch.labels, watch.pipeline)[0]


def _span(watch: Watch, arrival: Arrival) -> pl.Expr:
    """Return the rows between the first and the last that these labels are for.

    A row that is dated after its label came says nothing about that span.
    """
    import polars as pl

    pipeline = watch.pipeline
    at, keys = pl.col(pipeline.event_time), list(pipeline.key)
    brought = watch.labels_table.scan().filter(pl.col(BATCH) == arrival.batch).select(keys)
    rows = watch.table.scan().select(list(dict.fromkeys([*keys, pipeline.event_time])))
    came = arrival.at if _zoned(rows, pipeline.event_time) else arrival.at.replace(tzinfo=None)
    mine = rows.join(brought, on=keys, how="semi").filter(at <= came)
    ends = mine.select(at.min().alias("a"), at.max().alias("b"))
    first, last = ends.collect().row(0)
    return at.is_between(first, last) if first is not None else pl.lit(value=False)


def _zoned(rows: pl.LazyFrame, event_time: str) -> bool:
    return getattr(rows.collect_schema()[event_time], "time_zone", None) is not None


def _answers(
    before: ModelVersion, now: ModelVersion, rows: pd.DataFrame, prepared: pd.DataFrame
) -> Floats:
    """Return what the model that was replaced answers; nothing where it cannot read the rows.

    Where both prepare rows alike, as is usual, those prepared for the champion serve again.
    """
    try:
        if before.schema == now.schema and before.transform is now.transform:
            return np.asarray(before.model.predict(prepared))
        return before.predict(rows)
    except DataError:
        return np.zeros(0)


def _comparable(watch: Watch, scorer: ModelVersion) -> ModelVersion | None:
    """Return the model that was replaced, where it answers with the same classes."""
    before = watch.replaced
    if before is None or tuple(before.manifest.classes) != tuple(scorer.manifest.classes):
        return None
    return before


def _target_profile(scorer: ModelVersion, labelled: Labelled) -> ColumnProfile | None:
    classes = tuple(scorer.manifest.classes)
    if not len(labelled.y):
        return None
    labels = np.array(classes, dtype=object)[labelled.y] if classes else labelled.y
    return target_profile(labels, classes)


def _gain(metric: str, seen: _Pass) -> float | None:
    if not seen.compared or any(len(y) != len(theirs) for y, _, theirs in seen.compared):
        return None
    y, ours, theirs = (np.concatenate(part) for part in zip(*seen.compared, strict=True))
    return measure_gain(metric, y, ours, theirs)


def _slips(seen: _Pass) -> tuple[str, ...]:
    wrong = int(slips(seen.times, seen.arrived).sum())
    if not wrong:
        return ()
    return (f"{number_of(wrong, 'row is', 'rows are')} dated after it came; no clock follows.",)


def _warnings(
    watch: Watch,
    scorer: ModelVersion,
    prepared: pd.DataFrame,
    predictions: Floats,
    target: pd.Series[Any],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what holds a retraining back, and what is merely told."""
    classes = tuple(scorer.manifest.classes)
    known = np.asarray(target.isin(classes) if classes else target.notna())
    if not known.any():
        return (), ()
    y = encode(target[known], classes)
    now = associations(prepared[known].reset_index(drop=True), y, len(classes))
    held = suspicions(y, classes, now, watch.signs.get("associations", {}))
    expected = watch.signs.get("surest_wrong")
    if expected is None:
        return held, ()
    told, absurd = find_contradiction(y, predictions[known], expected)
    if absurd:
        return (*held, told), ()
    return held, (told,) if told else ()
