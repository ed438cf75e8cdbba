"""What a request may hold: the raw columns of the training rows, as one of them looked. Pure."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pandas as pd

from tasks.config import Pipeline
from tasks.features.kinds import kind_of
from tasks.features.schema import INTERNAL, FeatureSchema, Kind


@dataclass(frozen=True)
class Field:
    """One raw column.

    Attributes:
        used: the model may look at it; what it does not use may be sent, and is ignored.
        missing: it may be missing: training saw it so, or the model does not use it.
    """

    name: str
    kind: Kind
    used: bool
    missing: bool


@dataclass(frozen=True)
class RequestSchema:
    """The fields in order of their names, those that identify a row, and an example."""

    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)


def request_schema(frame: pd.DataFrame, schema: FeatureSchema, pipeline: Pipeline) -> RequestSchema:
    """Return what a request for a model of these training rows may hold.

    A user's transform may look at any column, so with one every column counts as used.

    >>> from tasks.features.schema import Feature
    >>> flights = Pipeline(name="f", task="binary", target="y", event_time="t", key=["id"])
    >>> rows = pd.DataFrame({"id": [1, 2], "a": [0.5, None], "y": [0, 1]})
    >>> made = request_schema(rows, FeatureSchema((Feature("a", "number"),)), flights)
    >>> [(one.name, one.used, one.missing) for one in made.fields], dict(made.example)
    ([('a', True, True), ('id', False, True)], {'a': 0.5, 'id': 1})
    """
    kinds = {one.name: one.kind for one in schema.features}
    transform = pipeline.features.transform is not None
    fields = []
    for name in sorted(set(frame.columns) - {pipeline.target, *INTERNAL}):
        kind = "time" if name == pipeline.event_time else kind_of(frame[name])
        kind = kind if transform else kinds.get(name, kind)
        used = transform or name in kinds
        if kind is not None:
            missing = not used or bool(frame[name].isna().any())
            fields.append(Field(name, cast("Kind", kind), used, missing))
    shown = {one.name for one in fields} - set(pipeline.data.personal)
    example = {
        name: _plain(frame[name].iloc[0])
        for name in sorted(shown)
        if name in kinds or transform or name in pipeline.key
    }
    return RequestSchema(tuple(fields), pipeline.key, example)


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value if isinstance(value, bool | int | float | str) else str(value)
