"""One column's cells as a model takes them; every cell on its own, whatever the others are.

Missing are None, NaN, NaT, NA and empty text. Infinite numbers, and those float32 cannot hold,
are missing too: no family can learn from them, and a request's overflow must not decide.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Floats, Integers, Singles
from tasks.errors import DataError, bounded

MISSING = "__missing__"
LARGEST = float(np.finfo(np.float32).max)
# Rows, from which on it pays to find the distinct values first.
MANY = 64
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
EPOCH_WITHOUT_ZONE = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)
WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "1": 1.0, "0": 0.0}


def numbers(column: pd.Series, name: str) -> Singles:
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
    # NaN compares false, and stays
    return np.where(np.abs(values) <= LARGEST, values, np.nan).astype(np.float32)


def booleans(column: pd.Series, name: str) -> Singles:
    """Return 1, 0 or NaN; true/false, yes/no and 1/0 are read.

    Raises:
        DataError: a value is neither.

    >>> booleans(pd.Series([True, "no", None]), "a").tolist()
    [1.0, 0.0, nan]
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=np.float32, na_value=np.nan)
    return _each(column, name, _boolean, "true or false").astype(np.float32)


@dataclass(frozen=True)
class Texts:
    """A column of text: row i holds `levels[places[i]]`; a level may be listed twice."""

    levels: tuple[str, ...]
    places: Integers

    def column(self, index: pd.Index | None = None) -> pd.Series[Any]:
        """Return the texts, one for each row."""
        return pd.Series(pd.array(self.levels, dtype="str").take(self.places), index=index)


def texts(column: pd.Series) -> Texts:
    """Return text; a whole number is written without a point, whatever its type.

    Each distinct value is written once.

    >>> texts(pd.Series([3.0, None, 3.0])).column().tolist()
    ['3', '__missing__', '3']
    """
    # pandas factorizes 1, 1.0 and True of an object column as one value; they are written apart
    if len(column) < MANY or column.dtype == object:
        return _each_text(column.tolist())
    if isinstance(column.dtype, pd.CategoricalDtype):
        places, distinct = column.cat.codes.to_numpy(), column.cat.categories
    else:
        places, distinct = pd.factorize(column)
    levels = (*(category(value) for value in distinct.tolist()), MISSING)
    # a missing value has place -1, which is the last level
    return Texts(levels, np.where(places < 0, len(levels) - 1, places))


def _each_text(values: Sequence[Any]) -> Texts:
    known: dict[tuple[type, Any], int] = {}
    levels: list[str] = []
    places = np.empty(len(values), dtype=np.int64)
    for i, value in enumerate(values):
        try:
            # 1, 1.0 and True are equal and hash alike, but are not written alike
            place = known.setdefault((type(value), value), len(levels))
        # it has no hash, as a list has none: a level of its own
        except TypeError:
            place = len(levels)
        if place == len(levels):
            levels.append(category(value))
        places[i] = place
    return Texts(tuple(levels), places)


def moments(column: pd.Series, name: str) -> Floats:
    """Return microseconds since 1970 in UTC, NaN where missing; a time without zone is UTC.

    Raises:
        DataError: a value is no time; text is read as ISO 8601.

    >>> moments(pd.Series(["1970-01-01T01:00:00+01:00", "1970-01-02"]), "t").tolist()
    [0.0, 86400000000.0]
    """
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _each(column, name, moment, "a time, written as in ISO 8601")
    if getattr(column.dtype, "tz", None) is not None:
        # numpy knows no zones
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
    # a datetime is a date too, and keeps its hour
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime.datetime):
        raise TypeError(value)
    epoch = EPOCH if value.tzinfo else EPOCH_WITHOUT_ZONE
    # divided as whole numbers: seconds as float would lose the last microseconds
    return float((value - epoch) // MICROSECOND)


def _each(column: pd.Series, name: str, read: Callable[[Any], float], expected: str) -> Floats:
    result = np.empty(len(column), dtype=np.float64)
    for i, value in enumerate(column.tolist()):
        try:
            result[i] = np.nan if _is_missing(value) else read(value)
        # a whole number beyond float: missing, as infinity is
        except OverflowError:
            result[i] = np.nan
        except (TypeError, ValueError, ArithmeticError) as error:
            rule = f"is {expected}, or missing"
            raise DataError(f"row {i}, column {name}", rule, repr(bounded(value, 80))) from error
    return result


def _is_missing(value: object) -> bool:
    if value is None or value is pd.NaT or value is pd.NA or value == "":
        return True
    # NaN is the one value that differs from itself; pd.isna would look into lists
    return isinstance(value, (float, np.floating, Decimal)) and value != value  # noqa: PLR0124


def _number(value: Any) -> float:
    # float() reads 1_000 and nan as well, which are no numbers in a file, and bytes
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
