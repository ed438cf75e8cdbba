"""Values and rows that are made, to be shown and kept where no real row may be. Pure.

Of a column are taken what many rows share, and quantiles that are rounded; no two cells of a made
row come from one real row.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Floats
from tasks.config.source import Derived
from tasks.features.schema import Columns, Kind
from tasks.features.terms import WORDLESS, count_rows
from tasks.features.values import MISSING, booleans, moments

# Rows that share a value, or a word, before it counts as nobody's own.
SHARED = 10
DIGITS = 3  # of a number that fewer share
OTHER = "other"
TEXT = "some words"
WORDS = 3  # of a made text
HOUR = 3_600 * 10**6  # microseconds
ISO = re.compile(r"\d{4}-\d\d-\d\d(T|$)")


def typical_value(column: pd.Series, kind: Kind) -> Any:
    """Return a typical value of a raw column as JSON; None where it has no value.

    A category, truth value or number that many rows share, for a number the one next to the median;
    else a median, rounded to three digits or the hour, or a text that stands for others.

    >>> typical_value(pd.Series([1.0, 2.0, 2.04321]), "number")
    2.0
    >>> typical_value(pd.Series(["JFK"] * 10 + ["Ann"]), "category")
    'JFK'
    >>> typical_value(pd.Series(["Ann", "Bob"]), "category")
    'other'
    """
    known = column.dropna()
    if kind == "text":
        return TEXT
    if known.empty:
        return None
    if kind == "number":
        return _typical_number(known)
    if kind == "boolean":
        return bool(np.nanmean(booleans(known, "")) > 0.5)
    if kind == "time":
        return _typical_time(known)
    counts = known.map(lambda value: value if isinstance(value, str) else str(value)).value_counts()
    return str(counts.index[0]) if counts.iloc[0] >= SHARED else OTHER


def parts_at(moment: str, derived: Derived, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the columns that a time is made of hold at a moment, each in its form here.

    Those that the time's format has no word of its own for, and no time themselves, stay.

    >>> hourly = Derived(of=("date", "hour"), format="%d/%m/%Y %H")
    >>> parts_at("2023-03-25T06:00:00+00:00", hourly, {"date": "2023-01-01", "hour": 18})
    {'date': '2023-03-25', 'hour': 6}
    """
    words = derived.format.split(" ")
    if len(words) != len(derived.of):
        words = [""] * len(derived.of)
    at = datetime.datetime.fromisoformat(moment)
    return {
        name: _part_at(at, word, parts[name])
        for name, word in zip(derived.of, words, strict=True)
        if name in parts
    }


def _part_at(at: datetime.datetime, word: str, part: Any) -> Any:
    if isinstance(part, str):
        # as `_typical_time` writes one
        if ISO.match(part):
            return at.isoformat()[: len(part)]
        return at.strftime(word) if word else part
    try:
        return type(part)(float(at.strftime(word)))
    # nothing that was told, or a month in letters
    except (TypeError, ValueError):
        return part


def make_rows(prepared: pd.DataFrame, columns: Columns, count: int) -> pd.DataFrame:
    """Return so many made rows (at most as many as there are) of prepared columns, as `prepare`.

    Numbers are rounded quantiles, categories and words are shared by many rows, each column in an
    order of its own; where a column has missing values, one row has.

    >>> frame = pd.DataFrame({"a": np.arange(100, dtype="float32"), "c": ["x", "y"] * 50})
    >>> made = make_rows(frame, Columns(("a",), ("c",)), 4)
    >>> sorted(made["a"]), sorted(made["c"])
    ([12.0, 37.0, 61.0, 86.0], ['x', 'x', 'y', 'y'])
    """
    count = min(count, len(prepared))
    made = {}
    for place, name in enumerate(prepared.columns):
        column = prepared[name]
        cells: Sequence[float | str]
        if name in columns.numbers:
            cells, gaps = _quantiles(column, count), column.isna()
        elif name in columns.texts:
            cells, gaps = _texts(column, count), column == MISSING
        else:
            cells, gaps = _categories(column, count), column == MISSING
        # an order that tells nothing of other columns, and is the same in each training
        order = np.random.default_rng(place).permutation(count)
        drawn: list[Any] = [cells[at] for at in order]
        if gaps.any():
            drawn[place % count] = np.nan if name in columns.numbers else MISSING
        made[name] = pd.Series(drawn, dtype=column.dtype)
    return pd.DataFrame(made, columns=list(prepared.columns))


def _typical_number(known: pd.Series) -> float | int | None:
    # not float32, in which a day such as 20240131 is another
    values = pd.to_numeric(known, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    middle = float(np.quantile(values, 0.5, method="lower"))
    distinct, counts = np.unique(values, return_counts=True)
    shared = distinct[counts >= SHARED]
    nearest = shared[np.abs(shared - middle).argmin()] if len(shared) else _rounded(middle)
    found = float(nearest)
    return int(found) if pd.api.types.is_integer_dtype(known.dtype) else found


def _typical_time(known: pd.Series) -> str:
    middle = np.quantile(moments(known, ""), 0.5, method="lower")
    start = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    at = start + datetime.timedelta(microseconds=int(middle // HOUR * HOUR))
    value = known.iloc[0]
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return at.date().isoformat()
    zone = getattr(known.dtype, "tz", None)
    return (at if zone is not None else at.replace(tzinfo=None)).isoformat()


def _rounded(value: float) -> float:
    if not value or not math.isfinite(value):
        return value
    return round(value, DIGITS - 1 - math.floor(math.log10(abs(value))))


def _quantiles(column: pd.Series, count: int) -> list[float]:
    values = column.to_numpy(dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return [math.nan] * count
    at: Floats = (np.arange(count) + 0.5) / count
    found: list[float] = np.quantile(finite, at, method="lower").tolist()
    return [_rounded(value) for value in found]


def _categories(column: pd.Series, count: int) -> list[str]:
    counts = column[column != MISSING].value_counts()
    shared = [str(name) for name in counts.index[counts >= SHARED]][:count] or [OTHER]
    return [shared[place % len(shared)] for place in range(count)]


def _texts(column: pd.Series, count: int) -> list[str]:
    spoken = [text.split(" ") for text in column.tolist() if text not in {MISSING, WORDLESS}]
    rows = count_rows(spoken)
    frequent = sorted((word for word in rows if rows[word] >= SHARED), key=lambda w: (-rows[w], w))
    if not frequent:
        return [WORDLESS] * count
    starts = (place * WORDS for place in range(count))
    picked = ([frequent[(at + i) % len(frequent)] for i in range(WORDS)] for at in starts)
    return [" ".join(dict.fromkeys(words)) for words in picked]
