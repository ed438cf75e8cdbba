"""How well a scored file was predicted, where it brought the truth. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Hashes, Integers, Mask, Times
from tasks.config import Pipeline
from tasks.dataset.dataset import encode, has_known_label, moments
from tasks.dataset.split import row_hashes
from tasks.evaluation.baselines import last_value
from tasks.evaluation.bootstrap import finite_or_none
from tasks.evaluation.evaluate import measure
from tasks.evaluation.metrics import METRICS
from tasks.ledger.entry import Entry
from tasks.promotion.manifest import Lineage, Manifest
from tasks.scoring.seen import say_seen


@dataclass(frozen=True)
class Labelled:
    """Labels, predictions and event times of the rows whose target is known to the model.

    Without an event time the times are zero: whoever knows when rows arrived gives them those.
    `hashes` are of the `identity`, by which a row is known again; None where nobody asked.
    """

    target: str
    event_time: str | None
    classes: tuple[Any, ...]
    y: Array
    predictions: Array
    times: Times
    identity: tuple[str, ...] = ()
    hashes: Hashes | None = None

    @classmethod
    def empty(
        cls, manifest: Manifest, pipeline: Pipeline, identity: tuple[str, ...] = ()
    ) -> Labelled:
        """Return none yet."""
        classes = tuple(manifest.classes)
        return cls(
            pipeline.target,
            pipeline.event_time,
            classes,
            np.zeros(0, np.int64 if classes else np.float64),
            np.zeros((0, len(classes)) if classes else 0),
            np.zeros(0, "datetime64[us]"),
            identity,
            np.zeros(0, np.uint64) if identity else None,
        )

    def known(self, frame: pd.DataFrame) -> Mask:
        """Return, for each row, whether its label is there and known to the model."""
        if not {self.target, self.event_time or self.target} <= set(frame.columns):
            return np.zeros(len(frame), dtype=bool)
        timed = frame[self.event_time or self.target].notna().to_numpy()
        return has_known_label(frame[self.target], self.classes) & timed

    def plus(self, frame: pd.DataFrame, predictions: Array) -> Labelled:
        """Add the labelled ones of n rows, with their (n, classes) or (n,) predictions."""
        known = self.known(frame)
        if not known.any():
            return self
        y = encode(frame[self.target][known], self.classes)
        times = np.zeros(len(y), "datetime64[us]")
        if self.event_time is not None:
            times = moments(frame[self.event_time][known])
        names = [name for name in self.identity if name in frame]
        hashes = row_hashes(frame[known], names) if self.identity else None
        answered = predictions[known]
        return join_labelled(
            [self, replace(self, y=y, predictions=answered, times=times, hashes=hashes)]
        )

    def in_order(self) -> Integers:
        """Return the places of the rows by time."""
        places = np.arange(len(self.y))
        if self.event_time is None:
            # a file is often sorted by its target: a detector would see a change in every batch
            places = np.random.default_rng(0).permutation(places)
        return places[np.argsort(self.times[places], kind="stable")]

    def pick(self, kept: Array) -> Labelled:
        """Return the rows at these places, or where a mask of all says so."""
        return replace(
            self,
            y=self.y[kept],
            predictions=self.predictions[kept],
            times=self.times[kept],
            hashes=None if self.hashes is None else self.hashes[kept],
        )


def join_labelled(parts: Sequence[Labelled]) -> Labelled:
    """Return the rows of all parts, which are of one target, in their order."""
    hashes = [part.hashes for part in parts if part.hashes is not None]
    return replace(
        parts[0],
        y=np.concatenate([part.y for part in parts]),
        predictions=np.concatenate([part.predictions for part in parts]),
        times=np.concatenate([part.times for part in parts]),
        hashes=np.concatenate(hashes) if len(hashes) == len(parts) else None,
    )


def judge_labelled(pipeline: Pipeline, manifest: Manifest, labelled: Labelled) -> dict[str, Any]:
    """Return metrics with intervals beside the naive baselines; empty without labels."""
    # rows of one moment keep the source's order, so that a second judgement gives the same
    ordered = labelled.pick(np.argsort(labelled.times, kind="stable"))
    y = ordered.y
    metrics = measure(pipeline, y, ordered.predictions)
    if not metrics:
        return {}
    # the gains over the naive ones are not told here, and resampling them takes a third of the time
    score, naive = METRICS[pipeline.metric].score, _baselines(manifest, y, ordered.times)
    return {
        "metrics": metrics,
        "baselines": {name: finite_or_none(score(y, guess)) for name, guess in naive.items()},
    }


def share_seen(lineage: Lineage, labelled: Labelled) -> float | None:
    """Return the share of the rows that are no later than what the version learned from.

    It may have learned from those themselves. None where no clock tells.
    """
    until = lineage.seen_until(ordered=labelled.event_time is not None)
    if labelled.event_time is None or np.isnat(until) or not len(labelled.times):
        return None
    return float(np.mean(labelled.times <= until))


def make_entry(pipeline: Pipeline, digest: str, outcome: dict[str, Any]) -> Entry:
    """Return the ledger's line; the same object scored by the same model is told once."""
    score = outcome["metrics"][outcome["metric"]]
    file = outcome["object"].rpartition("/")[2]
    return Entry(
        id=f"scored-{digest[:32]}",
        at=datetime.now(UTC),
        pipeline=pipeline.name,
        kind="scored",
        version=outcome["version"],
        by="score",
        summary=(
            f"version {outcome['version']} on {file}: {outcome['metric']} {score['value']:.3f} "
            f"[{score['low']:.3f}, {score['high']:.3f}] on {outcome['labelled']:,} labelled rows"
            f"{', which it may have learned from' if say_seen(outcome) else ''}"
        ),
        figures=outcome,
    )


def _baselines(manifest: Manifest, y: Array, times: Times) -> dict[str, Array]:
    known, classes = manifest.lineage.naive, len(manifest.classes)
    found: dict[str, Array] = (
        {"prior": np.tile(known["shares"], (len(y), 1))}
        if classes
        else {name: np.full(len(y), known[name]) for name in ("mean", "median")}
    )
    # exchangeable rows have no last one
    if manifest.lineage.ordered:
        until = np.array([manifest.lineage.fitted_until], dtype="datetime64[us]")
        last = last_value(np.array([known["last"]]), until, y, times)
        found["last_value"] = np.eye(classes)[last.astype(int)] if classes else last
    return found
