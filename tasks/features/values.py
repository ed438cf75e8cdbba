"""One column's cells as a model takes them; every cell on its own, whatever the others are.

Missing are None, NaN, NaT, NA and empty text. Infinite numbers, and those float32 cannot hold,
are missing too: no family can learn from them, and a request's overflow must not decide.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from tasks.errors import DataError, bounded

MISSING = "__missing__"
LARGEST = float(np.finfo(np.float32).max)
Floats = np.ndarray[Any, np.dtype[np.float32]]
Doubles = np.ndarray[Any, np.dtype[np.float64]]
WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "1": 1.0, "0": 0.0}


def numbers(column: pd.Series, name: str) -> Floats:
    """Return float32, NaN where missing; text is read as a number.

    Raises:
        DataError: a value is no number.

    >>> numbers(pd.Series([1, "2.5", None, float("inf")]), "a").tolist()
    [1.0, 2.5, nan, nan]
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = _each(column, name, _number, "a number")
    return np.where(np.abs(values) <= LARGEST, values, np.nan).astype(np.float32)


def booleans(column: pd.Series, name: str) -> Floats:
    """Return 1, 0 or NaN; true/false, yes/no and 1/0 are read.

    Raises:
        DataError: a value is neither.

    >>> booleans(pd.Series([True, "no", None]), "a").tolist()
    [1.0, 0.0, nan]
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=np.float32, na_value=np.nan)
    return _each(column, name, _boolean, "true or false").astype(np.float32)


def categories(column: pd.Series) -> list[str]:
    """Return text; a whole number is written without a point, whatever its type.

    >>> categories(pd.Series([3.0, None])), categories(pd.Series(["a", ""]))
    (['3', '__missing__'], ['a', '__missing__'])
    """
    values = column.tolist()
    known: dict[tuple[type, Any], str] = {}
    result = []
    for value in values:
        try:
            text = known.get((type(value), value))
        except TypeError:
            result.append(category(value))
            continue
        if text is None:
            text = known[type(value), value] = category(value)
        result.append(text)
    return result


def moments(column: pd.Series, name: str) -> Doubles:
    """Return microseconds since 1970 in UTC, NaN where missing; a time without zone is UTC.

    Raises:
        DataError: a value is no time; text is read as ISO 8601.

    >>> moments(pd.Series(["1970-01-01T01:00:00+01:00", "1970-01-02"]), "t").tolist()
    [0.0, 86400000000.0]
    """
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _each(column, name, moment, "a time, written as in ISO 8601")
    if getattr(column.dtype, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    exact = column.to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(exact), np.nan, exact.astype(np.int64))


def category(value: Any) -> str:
    """Return the text of one value.

    >>> category(3.0), category(None), category(True)
    ('3', '__missing__', 'true')
    """
    if _is_missing(value):
        return MISSING
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, (float, np.floating, Decimal)) and value == value // 1:
        return str(int(value))
    # a lone surrogate, which JSON can carry, is no UTF-8, and ONNX Runtime takes only that
    return str(value).encode("utf-8", "replace").decode()


def moment(value: Any) -> float:
    """Return the microseconds since 1970 of one time.

    Raises:
        TypeError, ValueError: it is none.

    >>> moment("1970-01-01T00:00:01Z")
    1000000.0
    """
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value.strip())
    elif isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime.datetime):
        raise TypeError(value)
    exact = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return float((exact - epoch) // datetime.timedelta(microseconds=1))


def _each(column: pd.Series, name: str, read: Callable[[Any], float], expected: str) -> Doubles:
    result = np.empty(len(column), dtype=np.float64)
    for i, value in enumerate(column.tolist()):
        try:
            result[i] = np.nan if _is_missing(value) else read(value)
        except OverflowError:
            result[i] = np.nan
        except (TypeError, ValueError, ArithmeticError) as error:
            rule = f"is {expected}, or missing"
            raise DataError(f"row {i}, column {name}", rule, repr(bounded(value, 80))) from error
    return result


def _is_missing(value: object) -> bool:
    if value is None or value is pd.NaT or value is pd.NA or value == "":
        return True
    return isinstance(value, (float, np.floating, Decimal)) and value != value  # noqa: PLR0124


def _number(value: Any) -> float:
    if isinstance(value, str) and ("_" in value or value.strip().lower() in ("nan", "-nan")):
        raise ValueError(value)
    if isinstance(value, (bytes, bytearray, datetime.date)):
        raise TypeError(value)
    return float(value)


def _boolean(value: Any) -> float:
    if isinstance(value, str):
        word = value.strip().lower()
        if word not in WORDS:
            raise ValueError(value)
        return WORDS[word]
    if value in (0, 1):
        return float(value)
    raise ValueError(value)
