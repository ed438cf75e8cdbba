"""Look at one batch with the champion's eyes: one pass over its rows, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.config import Pipeline
from tasks.data.curated import BATCH
from tasks.dataset.dataset import encode, moments
from tasks.drift.compare import compare
from tasks.drift.drift import Drift
from tasks.drift.profile import ColumnProfile, Profile
from tasks.drift.profiling import Profiler, target_profile
from tasks.errors import DataError
from tasks.evaluation.suspicion import associations, contradicted, suspicions
from tasks.features.prepare import prepared_columns
from tasks.labels.join import with_labels
from tasks.monitoring.arrivals import Arrival
from tasks.monitoring.observation import Observation
from tasks.monitoring.watch import Watch
from tasks.policy.situation import Figure
from tasks.promotion.model_version import ModelVersion
from tasks.scoring.judgement import Labelled, judged

if TYPE_CHECKING:
    import polars as pl

Array = np.ndarray[Any, Any]
SAMPLE = 5_000
ESTIMATED = 200_000


@dataclass(frozen=True)
class Seen:
    """What an observation was made of, for the report and the policy.

    `errors` are the champion's on the labelled rows that it was not fitted on, 0 to 1, in time
    order; `sample` holds at most `SAMPLE` prepared rows, evenly taken.
    """

    observation: Observation
    drift: Drift | None
    errors: Array
    sample: pd.DataFrame


def observe(watch: Watch, arrival: Arrival) -> Seen:
    """Profile, predict and judge the rows of one batch.

    Raises:
        DataError: the batch lacks a feature of the champion, or a value does not fit.
    """
    scorer, pipeline = watch.scorer, watch.pipeline
    assert scorer is not None, "there is a champion to watch"
    seen = _pass(watch, scorer, arrival)
    labelled, rows = seen.labelled, len(seen.times)
    sample, predictions, target = seen.sample()
    profile = seen.profiler.result()
    profile = profile.judged_on(profile.predictions, _target_profile(scorer, labelled))
    drift = _drift(watch, scorer, profile)
    live = judged(pipeline, scorer.manifest, labelled)
    until = np.datetime64(scorer.manifest.lineage.fitted_until)
    held, told = _warnings(watch, scorer, sample, predictions, target)
    observation = Observation(
        pipeline=pipeline.name,
        batch=arrival.batch,
        version=scorer.manifest.version,
        data_version=arrival.data_version,
        object=arrival.object,
        first=str(seen.times.min()),
        last=str(seen.times.max()),
        rows=rows,
        labelled=len(labelled.y),
        known=int((seen.times <= until).sum()),
        live=_figure(pipeline, live.get("metrics", {}), rows, len(labelled.y)),
        estimated=_estimated(watch, rows, sample, predictions),
        metrics=live.get("metrics", {}),
        baselines=live.get("baselines", {}),
        drift=None if drift is None else drift.to_dict(),
        suspicions=held,
        warnings=told,
    )
    shown = sample.iloc[:: len(sample) // SAMPLE + 1].reset_index(drop=True)
    return Seen(observation, drift, errors_after(labelled, until), shown)


@dataclass
class _Pass:
    """What one pass gathers; of the rows themselves every `every`-th one is kept."""

    labelled: Labelled
    profiler: Profiler
    every: int
    times: Array = field(default_factory=lambda: np.array([], "datetime64[us]"))
    kept: list[tuple[pd.DataFrame, Array, pd.Series[Any]]] = field(default_factory=list)

    def sample(self) -> tuple[pd.DataFrame, Array, pd.Series[Any]]:
        """Return the kept rows prepared, the answers to them, and their targets."""
        prepared, predictions, targets = zip(*self.kept, strict=True)
        return (
            pd.concat(prepared, ignore_index=True),
            np.concatenate(predictions),
            pd.concat(targets, ignore_index=True),
        )


def _pass(watch: Watch, scorer: ModelVersion, arrival: Arrival) -> _Pass:
    pipeline = watch.pipeline
    seen = _Pass(
        Labelled.empty(scorer.manifest, pipeline),
        Profiler(prepared_columns(scorer.schema), tuple(scorer.manifest.classes)),
        arrival.rows // ESTIMATED + 1,
    )
    for frame in _frames(watch, arrival):
        prepared = scorer.prepare(frame)
        predictions = np.asarray(scorer.model.predict(prepared))
        seen.profiler.add(prepared, predictions)
        seen.labelled = seen.labelled.plus(frame, predictions)
        seen.times = np.concatenate([seen.times, moments(frame[pipeline.event_time])])
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
    """Return the rows between the first and the last that these labels are for."""
    import polars as pl

    pipeline = watch.pipeline
    at, keys = pl.col(pipeline.event_time), list(pipeline.key)
    brought = watch.labels_table.scan().filter(pl.col(BATCH) == arrival.batch).select(keys)
    rows = watch.table.scan().select(list(dict.fromkeys([*keys, pipeline.event_time])))
    ends = rows.join(brought, on=keys, how="semi").select(at.min().alias("a"), at.max().alias("b"))
    first, last = ends.collect().row(0)
    return at.is_between(first, last) if first is not None else pl.lit(value=False)


def _drift(watch: Watch, scorer: ModelVersion, profile: Profile) -> Drift | None:
    if watch.profile is None:
        return None
    rules = watch.pipeline.monitoring.drift
    weights = scorer.manifest.lineage.importances if rules.weights == "importance" else {}
    return compare(watch.profile, profile, importances=weights, share=rules.share)


def _target_profile(scorer: ModelVersion, labelled: Labelled) -> ColumnProfile | None:
    classes = tuple(scorer.manifest.classes)
    if not len(labelled.y):
        return None
    labels = np.array(classes, dtype=object)[labelled.y] if classes else labelled.y
    return target_profile(labels, classes)


def _figure(pipeline: Pipeline, metrics: dict[str, Any], rows: int, labelled: int) -> Figure | None:
    """Return the live figure; None where the labels do not give one."""
    found = metrics.get(pipeline.metric)
    if found is None:
        return None
    content = {**found, "metric": pipeline.metric, "rows": rows, "labelled": labelled}
    return Figure.from_dict(content)


def _estimated(
    watch: Watch, rows: int, prepared: pd.DataFrame, predictions: Array
) -> Figure | None:
    if watch.estimator is None:
        return None
    pipeline = watch.pipeline
    found = watch.estimator.estimate(
        pipeline.metric, predictions, prepared, pipeline.gate.confidence
    )
    return Figure(pipeline.metric, found.value, found.low, found.high, rows, 0)


def _warnings(
    watch: Watch,
    scorer: ModelVersion,
    prepared: pd.DataFrame,
    predictions: Array,
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
    told, absurd = contradicted(y, predictions[known], expected)
    if absurd:
        return (*held, told), ()
    return held, (told,) if told else ()


def errors_after(labelled: Labelled, until: np.datetime64) -> Array:
    """Return the errors, each 0 to 1, on rows later than `until`, in time order."""
    order = np.argsort(labelled.times, kind="stable")
    order = order[labelled.times[order] > until]
    y, predictions = labelled.y[order], labelled.predictions[order]
    if labelled.classes:
        return np.asarray(1 - predictions[np.arange(len(y)), y], dtype=np.float32)
    scale = 2 * float(np.std(labelled.y)) or 1.0
    return np.asarray(np.clip(np.abs(predictions - y) / scale, 0, 1), dtype=np.float32)
