"""The stateless row-wise step: raw columns to what the fitted pipeline takes.

The same function serves training and requests. A row's result depends on that row alone, so
it is the same in a batch of a million and by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from tasks.errors import DataError
from tasks.features.schema import PARTS, Feature, FeatureSchema, prepared_columns
from tasks.features.transform import Transform, load_transform, transformed
from tasks.features.values import Doubles, Floats, booleans, categories, moments, numbers

__all__ = ["load_transform", "prepare", "prepared_columns"]

MICROSECONDS_A_DAY = 86_400_000_000.0


def prepare(
    frame: pd.DataFrame, schema: FeatureSchema, transform: Transform | None = None
) -> pd.DataFrame:
    """Return the model's columns, one row for each row given, in the order given.

    Numbers, booleans and the parts of times are float32 with NaN for missing, categories text
    with `__missing__`. The order of columns does not matter, and those not in the schema are
    ignored. Times are taken in UTC, weekday 0 is Monday, the hour has its minutes as a fraction.

    Raises:
        DataError: a feature's column is absent, a value does not fit its kind (row and column
            are named), or the transform fails or changes the number of rows.

    >>> schema = FeatureSchema((Feature("a", "number"), Feature("c", "category")))
    >>> prepare(pd.DataFrame({"c": ["x", None], "a": ["1", 2]}), schema).values.tolist()
    [[1.0, 'x'], [2.0, '__missing__']]
    """
    if transform is not None and schema.target is not None:
        frame = frame.drop(columns=[schema.target], errors="ignore")
    rows = transformed(frame, transform)
    _check_columns(rows, schema)
    made: dict[str, Floats | list[str]] = {}
    for feature in schema.features:
        made.update(_unfold(rows[feature.name], feature))
    order = prepared_columns(schema)
    arranged: dict[str, Floats | pd.Series] = {name: made[name] for name in order.numbers}  # type: ignore[misc]
    for name in order.categories:
        arranged[name] = pd.Series(made[name], dtype="str", index=frame.index)
    return pd.DataFrame(arranged, index=frame.index)


def _check_columns(rows: pd.DataFrame, schema: FeatureSchema) -> None:
    absent = [feature.name for feature in schema.features if feature.name not in rows.columns]
    if absent:
        there = ", ".join(map(str, rows.columns[:30]))
        rule = "every feature of the model is a column"
        raise DataError("rows", rule, f"no {', '.join(absent)}", f"There: {there}.")
    names = [feature.name for feature in schema.features]
    if not rows.columns.is_unique and rows[names].shape[1] != len(names):
        raise DataError("rows", "a feature is one column", "a name that is there twice")


def _unfold(column: pd.Series, feature: Feature) -> Mapping[str, Floats | list[str]]:
    name = feature.name
    if feature.kind == "number":
        return {name: numbers(column, name)}
    if feature.kind == "boolean":
        return {name: booleans(column, name)}
    if feature.kind == "category":
        return {name: categories(column)}
    exact = moments(column, name)
    return {f"{name}_{part}": _PART[part](exact) for part in feature.parts or PARTS}


def _hour(exact: Doubles) -> Floats:
    return (exact % MICROSECONDS_A_DAY / 3_600_000_000.0).astype(np.float32)


def _weekday(exact: Doubles) -> Floats:
    # the epoch, 1 January 1970, was a Thursday
    return ((exact // MICROSECONDS_A_DAY + 3) % 7).astype(np.float32)


def _month(exact: Doubles) -> Floats:
    months = _dates(exact).astype("datetime64[M]").astype(np.int64) % 12 + 1
    return np.where(np.isnan(exact), np.nan, months).astype(np.float32)


def _day_of_year(exact: Doubles) -> Floats:
    dates = _dates(exact).astype("datetime64[D]")
    days = (dates - dates.astype("datetime64[Y]")).astype(np.int64) + 1
    return np.where(np.isnan(exact), np.nan, days).astype(np.float32)


def _dates(exact: Doubles) -> np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]:
    return np.nan_to_num(exact).astype(np.int64).astype("datetime64[us]")


_PART: Mapping[str, Callable[[Doubles], Floats]] = {
    "hour": _hour,
    "weekday": _weekday,
    "month": _month,
    "day_of_year": _day_of_year,
}
