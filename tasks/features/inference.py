"""What the training rows tell: which columns are features, and what a request may hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import pandas as pd

from tasks.config import Pipeline
from tasks.config.source import Reading
from tasks.errors import DataError
from tasks.features.history import plan_history
from tasks.features.raw import infer_kind
from tasks.features.request import Field, RequestSchema
from tasks.features.schema import (
    INTERNAL,
    IS_PERSONAL,
    IS_TARGET,
    Feature,
    FeatureSchema,
    Kind,
    Part,
)
from tasks.features.terms import reads_as_text
from tasks.features.transform import apply_transform, load_transform, refuse_unless_row_wise
from tasks.features.typical import parts_at, typical_value
from tasks.features.values import moments

DAY = 86_400.0
CYCLES: tuple[tuple[Part, float], ...] = (
    ("hour", DAY),
    ("weekday", 7 * DAY),
    ("month", 365.25 * DAY),
    ("day_of_year", 365.25 * DAY),
)
OF_ITS_OWN = "nearly every row has a value of its own"
NO_CYCLE = "its times span no cycle (day, week, year) twice"


def infer_schema(frame: pd.DataFrame, pipeline: Pipeline) -> FeatureSchema:
    """Decide from the training rows which columns are features, and of which kind.

    The pipeline's transform is applied first, without the target.

    Raises:
        DataError: no column is left, a prepared name is made twice, a name is not text, or
            the transform fails, changes the row count or looks at other rows.
    """
    transform = load_transform(pipeline.features.transform)
    # a request has no target, so that the user's transform must not see it here either
    rows = frame.drop(columns=[pipeline.target], errors="ignore")
    refuse_unless_row_wise(rows, transform)
    rows = apply_transform(rows, transform)
    _check_names(rows)
    # told by the raw columns, too: a transform may drop one, and a request has it all the same
    personal = (set(frame.columns) & set(pipeline.data.personal)) - set(pipeline.key)
    dropped = {**dict.fromkeys(sorted(personal), IS_PERSONAL), pipeline.target: IS_TARGET}
    features: list[Feature] = []
    # by name: the order of columns in a file decides nothing
    for name in sorted(set(rows.columns) - set(INTERNAL)):
        feature = _barred(name, pipeline) or _judge_column(name, rows[name], pipeline)
        if isinstance(feature, Feature):
            features.append(feature)
        else:
            dropped[name] = feature
    schema = FeatureSchema(tuple(features), dropped, plan_history(pipeline))
    _check_prepared(schema)
    return schema


def infer_request(frame: pd.DataFrame, schema: FeatureSchema, pipeline: Pipeline) -> RequestSchema:
    """Return what a request for a model of these training rows may hold.

    Its example is made, see `typical_value`, and names no row but where a row has to be named. A
    user's transform may look at any column, so with one every column counts as used.

    >>> flights = Pipeline(name="f", task="binary", target="y", event_time="t", key=["id"])
    >>> rows = pd.DataFrame({"id": [1, 2], "a": [0.5, None], "y": [0, 1]})
    >>> made = infer_request(rows, FeatureSchema((Feature("a", "number"),)), flights)
    >>> [(entry.name, entry.used, entry.missing) for entry in made.fields], dict(made.example)
    ([('a', True, True), ('id', False, True)], {'a': 0.5})
    """
    kinds: dict[str, str] = {feature.name: feature.kind for feature in schema.features}
    transform = pipeline.features.transform is not None
    history = schema.history
    made, asked = ((), ()) if history is None else (history.names, history.asked_by)
    fields = []
    for name in sorted(set(frame.columns) - {pipeline.target, *INTERNAL}):
        kind = "time" if name == pipeline.event_time else infer_kind(frame[name])
        kind = kind if transform else kinds.get(name, kind)
        used = transform or name in kinds or name in asked
        if kind is not None:
            # what no model looks at must not be able to refuse a request, nor what is looked up
            missing = not used or name in made or bool(frame[name].isna().any())
            marks = _marks(pipeline.source.columns.get(name), kind) if used else ()
            derived = pipeline.source.derive.get(name) if used else None
            made_of = derived.of if derived else ()
            fields.append(Field(name, cast("Kind", kind), used, missing, marks, made_of))
    # an example is shown to whoever may read the API's description
    example = {
        entry.name: _made(frame[entry.name], entry, pipeline)
        for entry in fields
        if entry.used
        and entry.name not in made
        and (entry.name not in pipeline.key or not entry.missing)
    }
    for name, derived in pipeline.source.derive.items():
        if example.get(name):
            parts = {part: example[part] for part in derived.of if part in example}
            example |= parts_at(example[name], derived, parts)
    shown = {name: value for name, value in example.items() if name not in pipeline.data.personal}
    known = {entry.name for entry in fields}
    unread = (name for name in pipeline.source.leave_out if name not in known)
    return RequestSchema(tuple(fields), pipeline.key, shown, tuple(unread))


def _marks(reading: Reading | None, kind: str) -> tuple[str, ...]:
    """Return what stands for no value; a number as JSON writes it, not as the file does."""
    if reading is None or kind != "number":
        return () if reading is None else reading.missing
    strange = str.maketrans("", "", reading.strip + reading.thousands)
    return tuple(
        mark.translate(strange).replace(reading.decimal, ".").strip() or mark
        for mark in reading.missing
    )


def _made(column: pd.Series, entry: Field, pipeline: Pipeline) -> Any:
    if entry.name not in pipeline.key:
        return typical_value(column, entry.kind)
    # a key that a transform looks at: no row's own
    return 1 if entry.kind == "number" else typical_value(column, entry.kind)


def why_useless(column: pd.Series, kind: str) -> str | None:
    """Return why the column tells a model nothing, or None where it may.

    >>> why_useless(pd.Series([1, 1]), "number")
    'it is constant'
    >>> why_useless(pd.Series(["a", "b", "c"]), "category")
    'nearly every row has a value of its own (3 of 3), as an identifier has'
    """
    known = column.dropna()
    if kind == "number" and pd.api.types.is_float_dtype(known.dtype):
        # infinity is missing to every model, see `tasks.features.values`
        known = known[np.isfinite(known.to_numpy(dtype=np.float64))]
    if known.empty:
        return "it has no value"
    distinct = int(known.nunique())
    # one value beside missing ones still says something: that it is missing
    if distinct == 1 and len(known) == len(column):
        return "it is constant"
    if kind == "category" and distinct > len(known) / 2:
        return f"{OF_ITS_OWN} ({distinct} of {len(known)}), as an identifier has"
    return None


def find_cycles(column: pd.Series) -> tuple[Part, ...]:
    """Return the cycles the times pass at least twice; a model cannot learn a shorter glimpse.

    Times that are all midnight have no hour.

    >>> find_cycles(pd.Series(pd.date_range("2024-01-01", periods=60, freq="12h")))
    ('hour', 'weekday')
    """
    seconds = moments(column, "event time") / 1e6
    seconds = seconds[np.isfinite(seconds)]
    if not len(seconds):
        return ()
    span = float(seconds.max() - seconds.min())
    within_day = bool((seconds % DAY != 0).any())
    # a day of the year seen once is a date in disguise: it tells rows of the past apart only
    return tuple(
        part for part, length in CYCLES if span >= 2 * length and (part != "hour" or within_day)
    )


def _barred(name: str, pipeline: Pipeline) -> str | None:
    reasons = {
        # a transform may make a column of the target's name
        IS_TARGET: (pipeline.target,),
        "it is part of the key": pipeline.key,
        IS_PERSONAL: pipeline.data.personal,
        "the pipeline file excludes it": pipeline.features.exclude,
    }
    return next((why for why, names in reasons.items() if name in names), None)


def _judge_column(name: str, column: pd.Series, pipeline: Pipeline) -> Feature | str:
    """Return the column as a feature, or why it is none."""
    kind = "time" if name == pipeline.event_time else infer_kind(column)
    if kind is None:
        return f"its values are of no kind a model can see ({column.dtype})"
    if kind == "time":
        parts = find_cycles(column)
        return Feature(name, "time", parts) if parts else NO_CYCLE
    reason = why_useless(column, kind)
    # a text that nearly every row has for itself tells nothing as a whole, and much by its words
    if kind == "category" and reason and reason.startswith(OF_ITS_OWN) and reads_as_text(column):
        if pipeline.features.text == "auto":
            return Feature(name, "text")
        return "it is free text, and the pipeline file says `features.text: none`"
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
