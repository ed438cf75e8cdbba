"""Raw rows as a user's function sees them: the same of a table, a file and a request. Pure.

A request tells numbers, truth values, texts and times; whether a number was whole, whether a
column had a gap somewhere, or in which zone a time was stored, it does not. So training and scoring
forget it too, before the function is called: what it makes of a row is then the same everywhere.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd

from tasks.features.schema import INTERNAL
from tasks.features.values import LARGEST, MISSING, booleans, moments, texts

# Values of an object column; one of another kind behind them is refused when it is prepared.
EXAMINED = 10_000


def as_requested(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns in order of their names, each as a request gives it.

    Numbers and truth values are float64 (1 and 0), NaN where missing or beyond float32; times are
    in UTC, without a zone and in microseconds; texts are `str`. What landing adds is left out.

    >>> rows = pd.DataFrame({"b": [True, None], "a": [7, 8], "_batch": ["x", "x"]})
    >>> as_requested(rows).to_dict("list")
    {'a': [7.0, 8.0], 'b': [1.0, nan]}
    """
    names = sorted(name for name in map(str, frame.columns) if name not in INTERNAL)
    made = {name: _as_requested(frame[name], name) for name in names}
    return pd.DataFrame(made, index=frame.index)


def _as_requested(column: pd.Series, name: str) -> pd.Series:
    kind = infer_kind(column)
    if kind == "number":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        made = np.where(np.abs(values) <= LARGEST, values, np.nan)
    elif kind == "boolean":
        made = booleans(column, name).astype(np.float64)
    elif kind == "time":
        exact = pd.to_datetime(pd.Series(moments(column, name)), unit="us")
        made = exact.to_numpy(dtype="datetime64[us]")
    elif kind == "category":
        written = texts(column).column(column.index)
        return written.where(written != MISSING)
    elif column.notna().any():
        return column  # no request can tell it: the function may still leave it out
    else:
        made = np.full(len(column), np.nan)
    return pd.Series(made, index=column.index)


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
