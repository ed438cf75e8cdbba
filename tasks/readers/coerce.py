"""Reading values as the contract's types: strictly, and losing nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import Integers
from tasks.readers.kinds import TYPES, kind_of

MISSING = pa.array(["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"])  # spellings
NONE: Integers = np.empty(0, dtype=np.int64)
MOST_EXACT = 2**53  # beyond it a float skips integers
LEAF = 64  # so few values are asked one by one; more are halved
# Years 1 to 9999, in the units of both kinds: Python has no other times, and Arrow has.
CALENDAR = {
    "timestamp": (-62_135_596_800_000_000, 253_402_300_799_999_999),
    "date": (-719_162, 2_932_896),
}
ZONE = r"(Z|[+-]\d\d(:?\d\d)?)$"  # ISO 8601, at the end


def coerce(array: Any, kind: str) -> tuple[Any, Integers]:
    """Return `array` as the type of `kind`, and the positions of values that are not of it.

    Text is parsed; integral floats are integers and the other way round; naive times are UTC, of
    the years 1 to 9999; NaN is null. Those bad positions are null in the result.

    >>> values, bad = coerce(pa.array(["1", "x", "NA"]), "integer")
    >>> values.to_pylist(), bad.tolist()
    ([1, None, None], [1])
    """
    array = _plain(array)
    if array.type == TYPES[kind] and kind != "number":
        return _within_calendar(array, kind, NONE)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), TYPES[kind]), NONE
    convert = _CONVERTERS.get((kind_of(array.type) or "", kind))
    if convert is None:
        return pa.nulls(len(array), TYPES[kind]), find_positions(pc.is_valid(array))
    try:
        values, bad = convert(array), NONE
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        values, bad = _bisected(array, convert, kind)
    if kind == "number":
        values = pc.if_else(pc.is_nan(values), None, values) if _any(pc.is_nan(values)) else values
    return _within_calendar(values, kind, bad)


def find_positions(mask: Any) -> Integers:
    """Return where an Arrow mask is true; nulls in it are false."""
    # Most pieces have none, and no mask as long as the piece is made for these.
    if not _any(mask):
        return NONE
    return np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))


def _within_calendar(values: Any, kind: str, bad: Integers) -> tuple[Any, Integers]:
    if kind not in CALENDAR:
        return values, bad
    first, last = CALENDAR[kind]
    counts = pc.cast(pc.cast(values, pa.int64() if kind == "timestamp" else pa.int32()), pa.int64())
    ends = pc.min_max(counts).as_py()
    if ends["min"] is None or first <= ends["min"] <= ends["max"] <= last:
        return values, bad
    outside = pc.or_(pc.less(counts, first), pc.greater(counts, last))
    return pc.if_else(outside, None, values), np.union1d(bad, find_positions(outside))


def _any(mask: Any) -> bool:
    return bool(pc.any(mask).as_py())


def _plain(array: Any) -> Any:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if kind_of(array.type) == "string" and array.type != pa.string():
        array = array.cast(pa.string())
    # By way of text: Arrow's own cast of 252568.11 is the next float.
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.string()).cast(pa.float64())
    return array


def _bisected(array: Any, convert: Callable[[Any], Any], kind: str) -> tuple[Any, Integers]:
    """Convert the halves that convert as a whole, and name the values that never do."""
    parts: list[Any] = []
    bad: list[int] = []

    def descend(start: int, stop: int) -> None:
        piece = array.slice(start, stop - start)
        try:
            parts.append(convert(piece))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            if stop - start == 1:
                bad.append(start)
                parts.append(pa.nulls(1, TYPES[kind]))
                return
            step = -(-(stop - start) // 2) if stop - start > LEAF else 1
            for place in range(start, stop, step):
                descend(place, min(place + step, stop))

    descend(0, len(array))
    return pa.concat_arrays(parts), np.array(bad, dtype=np.int64)


def _retrying_missing(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def convert(text: Any) -> Any:
        # Most pieces hold no NA: looking for one first would cost each of them a pass.
        try:
            return parse(text)
        except pa.ArrowInvalid:
            return parse(pc.if_else(pc.is_in(text, value_set=MISSING), None, text))

    return convert


def _text_to_integer(text: Any) -> Any:
    try:
        values = pc.cast(text, pa.int64())
    except pa.ArrowInvalid:
        return _float_to_integer(pc.cast(text, pa.float64()))
    # Arrow's cast reads 0x1F as 31; here it is a name.
    if _any(pc.match_substring(text, "x", ignore_case=True)):
        raise pa.ArrowInvalid("a hexadecimal number")
    return values


def _text_to_timestamp(text: Any) -> Any:
    # A date alone ends in what looks like a zone: 2013-01-31.
    zoned = pc.and_(pc.match_substring_regex(text, ZONE), pc.match_substring(text, ":"))
    if not _any(zoned):
        return _parse_times(text)
    if not _any(pc.invert(zoned)):
        return _parse_times(text, "UTC")
    # Arrow parses a column with zones, or one without, and not both in one.
    with_zone, without = pc.if_else(zoned, text, None), pc.if_else(zoned, None, text)
    return pc.coalesce(_parse_times(with_zone, "UTC"), _parse_times(without))


def _parse_times(text: Any, zone: str | None = None) -> Any:
    try:
        return pc.cast(text, pa.timestamp("us", zone)).cast(TYPES["timestamp"])
    except pa.ArrowInvalid:  # nanoseconds, which are cut
        return pc.cast(text, pa.timestamp("ns", zone)).cast(TYPES["timestamp"], safe=False)


def _text_to_date(text: Any) -> Any:
    try:
        return pc.cast(text, pa.date32())
    except pa.ArrowInvalid:
        return _timestamp_to_date(_text_to_timestamp(text))


def _float_to_integer(values: Any) -> Any:
    # By way of float64: of the narrower ones and of decimals, too, only exact integers pass.
    values = pc.cast(values, pa.float64())
    values = pc.if_else(pc.is_nan(values), None, values)
    if _any(pc.greater(pc.abs(values), float(MOST_EXACT))):
        raise pa.ArrowInvalid("beyond the integers that a float holds exactly")
    return pc.cast(values, pa.int64())


def _timestamp_to_timestamp(values: Any) -> Any:
    # Nanoseconds are cut; seconds of a far year, counted in microseconds, are beyond 64 bits.
    return pc.cast(values, TYPES["timestamp"], safe=values.type.unit != "ns")


def _timestamp_to_date(values: Any) -> Any:
    dates = pc.cast(values, pa.date32(), safe=False)
    if _any(pc.not_equal(pc.cast(dates, TYPES["timestamp"]), pc.cast(values, TYPES["timestamp"]))):
        raise pa.ArrowInvalid("a time of day")
    return dates


def _to(kind: str, safe: bool = True) -> Callable[[Any], Any]:
    return lambda values: pc.cast(values, TYPES[kind], safe=safe)


# By the kind that came and the kind that is wanted; what is not here cannot be without a loss.
_CONVERTERS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("string", "string"): _to("string"),
    ("string", "integer"): _retrying_missing(_text_to_integer),
    ("string", "number"): _retrying_missing(_to("number")),
    ("string", "boolean"): _retrying_missing(_to("boolean")),
    ("string", "timestamp"): _retrying_missing(_text_to_timestamp),
    ("string", "date"): _retrying_missing(_text_to_date),
    ("boolean", "boolean"): _to("boolean"),
    ("integer", "integer"): _to("integer"),
    ("number", "integer"): _float_to_integer,
    ("number", "number"): _to("number", safe=False),
    ("integer", "number"): _to("number", safe=False),
    ("timestamp", "timestamp"): _timestamp_to_timestamp,
    ("date", "timestamp"): _to("timestamp"),
    ("date", "date"): _to("date"),
    ("timestamp", "date"): _timestamp_to_date,
}
