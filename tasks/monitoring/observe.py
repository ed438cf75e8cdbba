"""Look at one batch with the champion's eyes: what it shows, and what is odd about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Floats
from tasks.config import Pipeline
from tasks.dataset.arrival import effective_times, latest_time, slips
from tasks.dataset.dataset import encode, has_known_label
from tasks.drift.profile import ColumnProfile
from tasks.drift.profiling import target_profile
from tasks.drift.report import SAMPLE
from tasks.evaluation.suspicion import associations, find_contradiction, suspicions
from tasks.monitoring.arrivals import Arrival
from tasks.monitoring.champion import open_eye
from tasks.monitoring.gathering import Gathered, gather
from tasks.monitoring.look import PredictedBatch, look, measure_gain
from tasks.monitoring.observation import Observation
from tasks.monitoring.triggers import find_triggers
from tasks.policy.reading import count_text
from tasks.promotion.model_version import ModelVersion
from tasks.scoring.judgement import Labelled, judge_labelled
from tasks.workspace import Workspace


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
    seen = gather(workspace, champion, replaced, arrival)
    times = effective_times(seen.times, seen.arrived)
    labelled = replace(seen.labelled, times=times[seen.known])
    sample, predictions, target = seen.sample()
    profile = replace(
        seen.profiler.result(), target=_target_profile(champion, labelled, seen.strange)
    )
    # judged after the pass: an interval needs all labels at once, the profile does not
    judged = judge_labelled(pipeline, champion.manifest, labelled)
    unknown = sum(seen.strange.values())
    met = PredictedBatch(times, labelled, profile, sample, predictions, unknown)
    sight = look(pipeline, open_eye(pipeline, champion), met, judged.get("metrics"))
    held, told = _warnings(pipeline, champion, sample, predictions, target)
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
        metrics=judged.get("metrics", {}),
        baselines=judged.get("baselines", {}),
        drift=sight.drift,
        suspicions=held,
        warnings=(*told, *_slips(seen), *_strange(seen, pipeline)),
        clock=None if clock is None else str(clock),
        gain=_gain(pipeline.metric, seen),
    )
    shown = sample.iloc[:: len(sample) // SAMPLE + 1].reset_index(drop=True)
    return ObservedBatch(observation, sight.errors, shown)


def _target_profile(
    champion: ModelVersion, labelled: Labelled, strange: Counter[str]
) -> ColumnProfile | None:
    classes = tuple(champion.manifest.classes)
    if not len(labelled.y) and not strange:
        return None
    if not classes:
        return target_profile(labelled.y)
    known = np.array(classes, dtype=object)[labelled.y]
    # classes that it does not know have no index, and are what most of all changed
    return target_profile([*known, *strange.elements()], classes)


def _gain(metric: str, seen: Gathered) -> float | None:
    if not seen.compared or any(len(y) != len(theirs) for y, _, theirs in seen.compared):
        return None
    y, ours, theirs = (np.concatenate(part) for part in zip(*seen.compared, strict=True))
    return measure_gain(metric, y, ours, theirs)


def _strange(seen: Gathered, pipeline: Pipeline) -> tuple[str, ...]:
    if not seen.strange:
        return ()
    count = count_text(sum(seen.strange.values()), "label is", "labels are")
    named = f" ({', '.join(label[:30] for label, _ in seen.strange.most_common(5))})"
    named = "" if pipeline.target in pipeline.data.personal else named
    return (f"{count} of classes that the model does not know{named}; no figure counts them.",)


def _slips(seen: Gathered) -> tuple[str, ...]:
    wrong = int(slips(seen.times, seen.arrived).sum())
    if not wrong:
        return ()
    return (f"{count_text(wrong, 'row is', 'rows are')} dated after it came; no clock follows.",)


def _warnings(
    pipeline: Pipeline,
    champion: ModelVersion,
    prepared: pd.DataFrame,
    predictions: Floats,
    target: pd.Series[Any],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what holds a retraining back, and what is merely told."""
    classes = tuple(champion.manifest.classes)
    # a label of a class that the model does not know tells nothing about its answers
    known = has_known_label(target, classes)
    if not known.any():
        return (), ()
    y = encode(target[known], classes)
    rows = prepared[known].reset_index(drop=True)
    now = associations(rows, y, len(classes))
    held = suspicions(y, classes, now, champion.signs.get("associations", {}))
    if champion.profile is not None:
        personal = pipeline.data.personal
        held = (*held, *find_triggers(rows, y, classes, champion.profile, personal))
    expected = champion.signs.get("surest_wrong")
    if expected is None:
        return held, ()
    told, absurd = find_contradiction(y, predictions[known], expected)
    if absurd:
        return (*held, told), ()
    return held, (told,) if told else ()
