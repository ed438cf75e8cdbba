"""Texts read as a column's reading says: missing marks, decimal commas, money, times, words."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import Integers
from tasks.readers.coerce import CALENDAR, MISSING, NONE, coerce, find_positions
from tasks.readers.kinds import NUMERIC, TYPES
from tasks.readers.options import Derived, Reading
from tasks.readers.times import read_times, time_kind

THOUSANDS = (",", ".", " ", "'", "\u00a0", "\u202f")
PER_MICROSECOND = {"s": 1e-6, "ms": 1e-3, "us": 1.0, "ns": 1e3}  # of a unit of an epoch


def kind_read(reading: Reading) -> str | None:
    """Return the kind that a reading gives, or None where the values decide.

    >>> kind_read(Reading(unit="ms")), kind_read(Reading(format="%d.%m.%Y")), kind_read(Reading())
    ('timestamp', 'date', None)
    """
    if reading.kind is not None:
        return reading.kind
    if reading.unit:
        return "timestamp"
    if reading.format:
        return time_kind(reading.format)
    return "boolean" if reading.yes or reading.no else None


def say_reading(reading: Reading) -> str:
    """Return in a few words what the pipeline file says of a column's values, or nothing.

    >>> say_reading(Reading(format="%d.%m.%Y")), say_reading(Reading(yes=("ja",), no=("nein",)))
    ('in the form %d.%m.%Y', 'as ja or nein')
    """
    if reading.yes or reading.no:
        return f"as {' or '.join((*reading.yes, *reading.no))}"
    if reading.format:
        return f"in the form {reading.format}"
    if reading.unit:
        return f"in {reading.unit} since 1970"
    marks = {"decimal": reading.decimal if reading.decimal != "." else "", "strip": reading.strip}
    marks["thousands"] = reading.thousands
    told = ", ".join(f"{name}: {mark!r}" for name, mark in marks.items() if mark)
    return f"with {told}" if told and reading.kind in NUMERIC else ""


def read_column(array: Any, reading: Reading, kind: str) -> tuple[Any, Integers]:
    """Return a column as the type of `kind`, and the positions of values that do not read so.

    >>> money = Reading(decimal=",", thousands=".", strip="€", missing=("?",))
    >>> values, bad = read_column(pa.array(["1.234,50 €", "?", "7", "7.5"]), money, "number")
    >>> values.to_pylist(), bad.tolist()
    ([1234.5, None, 7.0, None], [3])
    """
    texts, bad = plain_texts(array, reading)
    if reading.unit or reading.format:
        times = _times(texts, reading)
        wrong = find_positions(pc.and_(pc.is_valid(texts), pc.is_null(times)))
        values, more = coerce(times, kind)
        more = _union(wrong, more)
    elif reading.yes or reading.no:
        words = _words(texts, reading)
        # A target of yes and no is 1 and 0 where the contract says whole numbers.
        number = kind in NUMERIC
        values, more = coerce(pc.cast(words, pa.int64()) if number else words, kind)
        more = _union(find_positions(pc.and_(pc.is_valid(texts), pc.is_null(values))), more)
    else:
        values, more = coerce(texts, kind)
    return values, _union(bad, more)


def suggest_reading(name: str, array: Any, reading: Reading | None, kind: str) -> str:
    """Return what to set of a column whose later values alone have marks between thousands.

    Args:
        name: of the column.
        array: some of the values that do not read as the type of `kind`.
        reading: as the pipeline file has it so far.

    >>> suggest_reading("paid", pa.array(["1,234", "-12,000,000"]), None, "integer")
    'They read with "," between thousands: set source.columns."paid".thousands: ",".'
    >>> suggest_reading("paid", pa.array(["1,234", "much"]), None, "integer")
    ''
    """
    if kind not in NUMERIC:
        return ""
    known = reading or Reading()
    for mark in THOUSANDS:
        tried = known.model_copy(update={"thousands": mark})
        if mark != known.decimal and not len(read_column(array, tried, kind)[1]):
            told = json.dumps(mark)  # which spells out a blank that is not plain
            setting = f"source.columns.{quoted(name)}.thousands: {told}"
            return f"They read with {told} between thousands: set {setting}."
    return ""


def quoted(column: str) -> str:
    """Return a column's name as a part of a key of the pipeline file.

    >>> quoted('a "b" c')
    '"a ""b"" c"'
    """
    inner = column.replace('"', '""')
    return f'"{inner}"'


def plain_texts(array: Any, reading: Reading) -> tuple[Any, Integers]:
    """Return texts in the plain form that kinds are read from, null where one has no value.

    A value whose marks are not those of the reading is null; their positions come second.
    """
    texts = as_texts(array)
    missing = list(reading.missing)
    if (reading.unit or reading.format or reading.yes or reading.no) and reading.kind != "string":
        missing += MISSING.to_pylist()
    series = _series(texts)
    if missing:
        series = _without(series, series.is_in(missing))
    bad = NONE
    if reading.strip:
        filled = series != ""
        series = _stripped(series, reading)
        # A sign alone is no number, and not known to be missing.
        alone = filled & (series == "") & (reading.kind != "string")
        series, bad = _without(series, alone), find_positions(alone.to_arrow())
    if reading.decimal != "." or reading.thousands:
        series, wrong = _numbers(series, reading)
        bad = _union(bad, wrong)
    return series.to_arrow().cast(pa.string()), bad


def derive(columns: list[Any], derived: Derived, kind: str) -> tuple[Any, Integers]:
    """Return the times of several columns read together, and the positions that do not read.

    >>> hourly = Derived(of=("day", "hour"), format="%Y-%m-%d %H")
    >>> times, bad = derive([pa.array(["2024-01-31"]), pa.array([6])], hourly, "timestamp")
    >>> str(times[0]), bad.tolist()
    ('2024-01-31 06:00:00+00:00', [])
    """
    joined = pc.binary_join_element_wise(*[as_texts(column) for column in columns], " ")
    return read_column(joined, Reading(format=derived.format), kind)


def as_texts(array: Any) -> Any:
    """Return the values as they are written."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array if array.type == pa.string() else pc.cast(array, pa.string())


def _series(array: Any) -> pl.Series:
    series = pl.from_arrow(array)
    assert isinstance(series, pl.Series)
    return series.cast(pl.String)


def _without(texts: pl.Series, mask: pl.Series) -> pl.Series:
    return texts.set(mask.fill_null(value=False), None)


def _stripped(texts: pl.Series, reading: Reading) -> pl.Series:
    # A word keeps what stands inside it; a number may have its sign before the mark: -$5.
    if reading.kind == "string":
        return texts.str.strip_chars(reading.strip + " ")
    return texts.str.replace_all(f"[{re.escape(reading.strip)}]", "").str.strip_chars()


def _numbers(texts: pl.Series, reading: Reading) -> tuple[pl.Series, Integers]:
    thousands, decimal = re.escape(reading.thousands), re.escape(reading.decimal)
    grouped = rf"[1-9]\d{{0,2}}({thousands}\d{{3}})+|" if reading.thousands else ""
    form = rf"^[+-]?({grouped}0|[1-9]\d*)({decimal}\d*)?([eE][+-]?\d+)?$|^[+-]?{decimal}\d+$"
    known = texts.is_in(MISSING.to_pylist())
    wrong = texts.is_not_null() & ~known & ~texts.str.contains(form)
    texts = _without(texts, wrong)
    if reading.thousands:
        texts = texts.str.replace_all(reading.thousands, "", literal=True)
    texts = texts.str.replace_all(reading.decimal, ".", literal=True)
    return texts, find_positions(wrong.to_arrow())


def _times(texts: Any, reading: Reading) -> Any:
    series = _series(texts)
    if reading.format:
        times = read_times(series, reading.format)
    else:
        times = _counted(series, PER_MICROSECOND[reading.unit or "us"])
    return times.to_arrow().cast(TYPES["timestamp"])


def _counted(series: pl.Series, per: float) -> pl.Series:
    whole = series.cast(pl.Int64, strict=False)
    if whole.null_count() == series.null_count():  # exact, where all are whole numbers
        counted = whole // int(per) if per > 1 else whole * round(1 / per)
    else:
        counted = (
            (series.cast(pl.Float64, strict=False) / per).round(0).cast(pl.Int64, strict=False)
        )
    first, last = CALENDAR["timestamp"]
    return counted.set((counted < first) | (counted > last), None).cast(pl.Datetime("us"))


def _words(texts: Any, reading: Reading) -> Any:
    series = _series(texts)
    values = {**dict.fromkeys(reading.yes, True), **dict.fromkeys(reading.no, False)}
    words = series.replace_strict(values, default=None, return_dtype=pl.Boolean)
    return words.to_arrow()


def _union(left: Integers, right: Integers) -> Integers:
    if not len(left):
        return right
    return np.union1d(left, right) if len(right) else left
