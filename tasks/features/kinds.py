"""What a column's values are, and whether they can tell a model anything."""

from __future__ import annotations

import datetime
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd

from tasks.features.schema import Part
from tasks.features.values import moments

# Values of an object column; one of another kind behind them is refused when it is prepared.
EXAMINED = 10_000
DAY = 86_400.0
CYCLES: tuple[tuple[Part, float], ...] = (
    ("hour", DAY),
    ("weekday", 7 * DAY),
    ("month", 365.25 * DAY),
    ("day_of_year", 365.25 * DAY),
)


def infer_kind(column: pd.Series) -> str | None:
    """Return number, category, boolean or time; None for what a model cannot see.

    Text stays a category, also where it looks like a number: leading zeros mean something.

    >>> infer_kind(pd.Series(["007", "008"])), infer_kind(pd.Series([True, None]))
    ('category', 'boolean')
    """
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_timedelta64_dtype(dtype) or pd.api.types.is_complex_dtype(dtype):
        return None
    if pd.api.types.is_numeric_dtype(dtype):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "time"
    kinds = {_kind_of_value(value) for value in column.dropna().head(EXAMINED)}
    if len(kinds) == 1:
        return kinds.pop()
    # numbers among texts are texts; a time among them has no one way to be written
    return "category" if kinds and not kinds & {None, "time"} else None


def _kind_of_value(value: object) -> str | None:
    # before numbers, which a bool of Python is too
    if isinstance(value, (bool, np.bool_)):
        return "boolean"
    if isinstance(value, (Real, Decimal)):
        return "number"
    if isinstance(value, (datetime.date, np.datetime64)):
        return "time"
    return "category" if isinstance(value, str) else None


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
        return (
            f"nearly every row has a value of its own ({distinct} of {len(known)}), "
            "as an identifier has"
        )
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
