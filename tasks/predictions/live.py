"""How good the answers were, once labels came. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tasks.arrays import Array
from tasks.config import Pipeline
from tasks.evaluation.evaluate import measure
from tasks.policy.situation import MetricValue
from tasks.predictions.senders import find_excess
from tasks.records import plain

Classes = tuple[Any, ...]
# A pipeline's own columns may have the names of the predictions table's.
OURS = "_answer."
SENDER, PLACE, DRAWN = f"{OURS}sender", f"{OURS}place", f"{OURS}lot"
# The seed of every lot.
LOT = 12


@dataclass(frozen=True)
class Live:
    """The performance of what was really answered.

    Attributes:
        answered: the answers that were looked at; `cut` says that there are older ones.
        repeated: those for a key that another of them counts for; they do not count.
        judged: the labelled keys whose label and answer the metric is defined for.
        live: the deciding metric on these, with its interval; NaN where it is undefined. Its rows
            are the keys among the answers, each counted once, but for those left out.
        metrics: every metric of the task, {"value", "low", "high"} each.
        versions: model version to the number of its judged answers.
        senders: each sender to the number of labelled answers that count.
        left_out: whose labelled answers were more than half of them, to how many were left out.
    """

    answered: int
    cut: bool
    judged: int
    live: MetricValue
    metrics: Mapping[str, Any]
    versions: Mapping[int, int]
    repeated: int = 0
    senders: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            **plain(self),
            "keys": self.live.rows,
            "labelled": self.live.labelled,
            "coverage": self.live.coverage,
            "live": self.live.to_dict(),
            "versions": {str(version): count for version, count in self.versions.items()},
        }


def keyed(answers: pa.Table, kinds: Mapping[str, pa.DataType]) -> tuple[pl.DataFrame, int]:
    """Return the answer of each key that counts, newest first, and how many others there are.

    It is a sender's first; where several asked about a key, the lot says whose. The key's columns
    are in the types of `kinds`; the answer's own columns are named `OURS` and the name. Left out
    are answers whose key is empty, or is none in these types.
    """
    rows = pl.DataFrame(answers).rename(lambda name: f"{OURS}{name}")
    parts: dict[str, list[Any]] = {name: [] for name in kinds}
    for text in rows[f"{OURS}key"].to_list():
        key = json.loads(text) if text else {}
        for name, kind in kinds.items():
            parts[name].append(as_kind(key.get(name), kind))
    columns = [pl.Series(name, pa.array(parts[name], kind)) for name, kind in kinds.items()]
    whole = rows.with_columns(columns).drop_nulls(list(kinds)) if kinds else rows.head(0)
    # By the id too: of two answers in one microsecond, every look takes the same. The first counts:
    # once a label is known, whoever may ask could ask again with other values, and so turn the
    # figure that the next decision is made by.
    newest = whole.sort([f"{OURS}at", f"{OURS}id"], descending=True)
    own = [*kinds, SENDER]
    first = newest.with_columns(pl.col(SENDER).fill_null("")).unique(
        own, keep="last", maintain_order=True
    )
    # Whoever asked first would speak for every key that they can name, and unasked for at that. The
    # lot is drawn by what nobody chooses, so that every look draws the same.
    lots = first.with_row_index(PLACE).with_columns(pl.struct(own).hash(LOT).alias(DRAWN))
    drawn = lots.sort(DRAWN).unique(list(kinds) or None, keep="first", maintain_order=True)
    chosen = drawn.sort(PLACE).drop(PLACE, DRAWN)
    return chosen, len(newest) - len(chosen)


def as_kind(value: Any, kind: pa.DataType) -> Any:
    """Return a part of a key as a value of this type; None where it is none.

    >>> as_kind("2013-01-31T06:15:00-05:00", pa.timestamp("us", "UTC"))
    datetime.datetime(2013, 1, 31, 11, 15, tzinfo=datetime.timezone.utc)
    >>> as_kind("12", pa.int64()), as_kind(12, pa.string()), as_kind("soon", pa.date32())
    (12, '12', None)
    """
    is_ = pa.types
    try:
        if value is None or isinstance(value, bool) != is_.is_boolean(kind):
            return None
        if is_.is_timestamp(kind):
            at = datetime.fromisoformat(value)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        if is_.is_date(kind):
            return date.fromisoformat(value)
        if is_.is_integer(kind):
            # `key_of` made whole floats integers: one that is left has a fraction
            whole = not isinstance(value, float) and int(value).bit_length() < 64
            return int(value) if whole else None
        return float(value) if is_.is_floating(kind) else str(value)
    except (TypeError, ValueError, OverflowError):
        return None


def judged(
    pipeline: Pipeline,
    answers: pl.DataFrame,
    truth: pl.DataFrame | None,
    classes: Mapping[int, Classes | None],
    *,
    answered: int,
    cut: bool,
    repeated: int = 0,
) -> Live:
    """Judge the answers of `keyed` whose target is known: `truth` has keys and targets.

    `classes` are those of each model version in the order of its probabilities, None where its
    manifest is gone. Versions are judged together, by the classes of the newest; one that knows
    a class which the newest does not is left out.
    """
    labelled = answers.head(0)
    if truth is not None:
        # in the order of the answers, so that the same rows are drawn at every look
        known = answers.join(truth, on=list(pipeline.key), how="left", maintain_order="left")
        labelled = known.filter(pl.col(pipeline.target).is_not_null())
    labelled, left_out = _without_excess(labelled)
    pairs, metrics = _pairs(pipeline, labelled, classes), {}
    if pairs:
        y, guesses = (np.concatenate(parts) for parts in zip(*pairs.values(), strict=True))
        metrics = measure(pipeline, y, guesses)
    figure = metrics.get(pipeline.metric, dict.fromkeys(("value", "low", "high")))
    rows = len(answers) - sum(left_out.values())
    counts = {"metric": pipeline.metric, "rows": rows, "labelled": len(labelled)}
    versions = {version: len(y) for version, (y, _) in sorted(pairs.items())}
    live = MetricValue.from_dict({**figure, **counts})
    count = sum(versions.values())
    senders = _count_senders(labelled)
    return Live(answered, cut, count, live, metrics, versions, repeated, senders, left_out)


def _count_senders(answers: pl.DataFrame) -> dict[str, int]:
    return dict(answers.group_by(SENDER).len().sort(SENDER).iter_rows())


def _without_excess(labelled: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Leave out by lot what is over half of the labelled answers, if one sender's are so many."""
    sender, excess = find_excess(_count_senders(labelled))
    if not excess:
        return labelled, {}
    places = labelled.with_row_index(PLACE).filter(pl.col(SENDER) == sender)
    drawn = places.sort(pl.col(f"{OURS}id").hash(LOT))[PLACE].head(excess)
    kept = labelled.with_row_index(PLACE).filter(~pl.col(PLACE).is_in(drawn.implode()))
    return kept.drop(PLACE), {sender: excess}


def _pairs(
    pipeline: Pipeline, labelled: pl.DataFrame, classes: Mapping[int, Classes | None]
) -> dict[int, tuple[Array, Array]]:
    """Return labels and answers of each model version that can be judged with the others."""
    pairs = {}
    newest = next((classes[v] for v in sorted(classes, reverse=True) if classes[v]), None) or ()
    for (version,), part in labelled.partition_by(f"{OURS}model_version", as_dict=True).items():
        own = classes.get(version)
        if pipeline.task == "regression":
            pairs[version] = _numbers(part, pipeline.target)
        elif own and set(own) <= set(newest):
            pairs[version] = _chances(part, pipeline.target, own, newest)
    return pairs


def _numbers(part: pl.DataFrame, target: str) -> tuple[Array, Array]:
    y = part[target].cast(pl.Float64).to_numpy()
    said = [json.loads(text) for text in part[f"{OURS}value"].to_list()]
    guesses = np.array([x if isinstance(x, int | float) else math.nan for x in said], dtype=float)
    finite = np.isfinite(y) & np.isfinite(guesses)
    return y[finite], guesses[finite]


def _chances(
    part: pl.DataFrame, target: str, own: Classes, classes: Classes
) -> tuple[Array, Array]:
    index = {label: place for place, label in enumerate(classes)}
    told = zip(part[target].to_list(), part[f"{OURS}probabilities"].to_list(), strict=True)
    whole = [
        (index[label], chances)
        for label, chances in told
        if label in index and chances and len(chances) == len(own) and np.isfinite(chances).all()
    ]
    spread = np.zeros((len(whole), len(classes)))
    if whole:
        spread[:, [index[label] for label in own]] = [chances for _, chances in whole]
    return np.array([place for place, _ in whole], dtype=np.int64), spread
