"""Which columns a model sees, and as what; decided once, on the training rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast, get_args

import pandas as pd

from tasks.config import Pipeline
from tasks.errors import DataError
from tasks.features.kinds import Part, cycles_seen, kind_of, useless
from tasks.features.transform import (
    Transform,
    load_transform,
    refuse_unless_row_wise,
    transformed,
)
from tasks.records import read

Kind = Literal["number", "category", "boolean", "time"]
INTERNAL = ("_batch", "_ingested_at")
PARTS = get_args(Part)
IS_TARGET = "it is the target"


class Columns(NamedTuple):
    """The columns of a prepared frame: float32 numbers, text categories."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Feature:
    """One raw column; `parts` are the cycles a time is unfolded to (all where empty)."""

    name: str
    kind: Kind
    parts: tuple[Part, ...] = ()

    @property
    def prepared(self) -> tuple[str, ...]:
        """The names of the columns it becomes.

        >>> Feature("departure", "time", ("hour", "weekday")).prepared
        ('departure_hour', 'departure_weekday')
        """
        if self.kind != "time":
            return (self.name,)
        return tuple(f"{self.name}_{part}" for part in self.parts or PARTS)


@dataclass(frozen=True)
class FeatureSchema:
    """The features in order of their names, and why every other column is none."""

    features: tuple[Feature, ...]
    dropped: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str | None:
        """The target's column; the user's transform never sees it."""
        return next((name for name, why in self.dropped.items() if why == IS_TARGET), None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        features = [
            {"name": f.name, "kind": f.kind, **({"parts": list(f.parts)} if f.parts else {})}
            for f in self.features
        ]
        return {"features": features, "dropped": dict(self.dropped)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> FeatureSchema:
        """Read what `to_dict` wrote.

        Raises:
            DataError: it is not a schema.

        >>> schema = FeatureSchema((Feature("a", "number"),), {"b": "it is constant"})
        >>> FeatureSchema.from_dict(schema.to_dict()) == schema
        True
        """
        rule = "is a list of features"
        return read(cls, document, "feature schema", rule, refusal=DataError)


def prepared_columns(schema: FeatureSchema) -> Columns:
    """Return the columns that `prepare` makes, numbers first.

    >>> prepared_columns(FeatureSchema((Feature("a", "number"), Feature("c", "category"))))
    Columns(numbers=('a',), categories=('c',))
    """
    numbers = [n for f in schema.features if f.kind != "category" for n in f.prepared]
    categories = [f.name for f in schema.features if f.kind == "category"]
    return Columns(tuple(numbers), tuple(categories))


def origins(schema: FeatureSchema) -> dict[str, str]:
    """Return the raw column behind every prepared one.

    >>> origins(FeatureSchema((Feature("t", "time", ("hour",)),)))
    {'t_hour': 't'}
    """
    return {name: feature.name for feature in schema.features for name in feature.prepared}


def infer_schema(
    frame: pd.DataFrame, pipeline: Pipeline, transform: Transform | None = None
) -> FeatureSchema:
    """Decide from the training rows which columns are features, and of which kind.

    The pipeline's transform (or the one given) is applied first, without the target.

    Raises:
        DataError: no column is left, a prepared name is made twice, a name is not text, or
            the transform fails, changes the row count or looks at other rows.
    """
    transform = transform or load_transform(pipeline.features.transform)
    rows = frame.drop(columns=[pipeline.target], errors="ignore")
    refuse_unless_row_wise(rows, transform)
    rows = transformed(rows, transform)
    _check_names(rows)
    dropped = {pipeline.target: IS_TARGET}
    features: list[Feature] = []
    for name in sorted(set(rows.columns) - set(INTERNAL)):
        reason = _barred(name, pipeline)
        found = reason or _inferred(name, rows[name], always_time=name == pipeline.event_time)
        if isinstance(found, Feature):
            features.append(found)
        else:
            dropped[name] = found
    schema = FeatureSchema(tuple(features), dropped)
    _check_prepared(schema)
    return schema


def _barred(name: str, pipeline: Pipeline) -> str | None:
    reasons = {
        "it is the target": (pipeline.target,),
        "it is part of the key": pipeline.key,
        "the pipeline file excludes it": pipeline.features.exclude,
        "it is personal": pipeline.data.personal,
    }
    return next((why for why, names in reasons.items() if name in names), None)


def _inferred(name: str, column: pd.Series, *, always_time: bool) -> Feature | str:
    kind = "time" if always_time else kind_of(column)
    if kind is None:
        return f"its values are of no kind a model can see ({column.dtype})"
    if kind == "time":
        parts = cycles_seen(column)
        if not parts:
            return "its times span no cycle (day, week, year) twice"
        return Feature(name, "time", parts)
    reason = useless(column, kind)
    return Feature(name, cast("Kind", kind)) if reason is None else reason


def _check_names(rows: pd.DataFrame) -> None:
    names: Iterable[object] = rows.columns
    wrong = [name for name in names if not isinstance(name, str) or not name]
    if wrong:
        raise DataError("feature columns", "have names that are text", repr(wrong[:5]))
    twice = [name for name, count in Counter(rows.columns).items() if count > 1]
    if twice:
        raise DataError("feature columns", "have each its own name", f"twice: {twice[:5]}")


def _check_prepared(schema: FeatureSchema) -> None:
    if not schema.features:
        listed = "; ".join(f"{name}: {why}" for name, why in schema.dropped.items())
        raise DataError("features", "at least one column is a feature", f"none ({listed})")
    names = Counter(name for feature in schema.features for name in feature.prepared)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        remedy = "Rename the column, or exclude it."
        raise DataError("features", "a time unfolds to names not taken", twice, remedy)
