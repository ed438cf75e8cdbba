"""One value of a request as the model takes it: a number, or a text. Pure.

>>> READ["boolean"](True), READ["category"](3), READ["time"]("1970-01-02")
(1.0, '3', 86400000000.0)
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tasks.features.cycles import MICROSECONDS_A_DAY
from tasks.features.schema import PARTS, Feature
from tasks.features.terms import words
from tasks.features.values import LARGEST, MISSING, category, moment

Read = Callable[[Any], Any]
EPOCH = datetime.date(1970, 1, 1).toordinal()
# 099 is a text that a number does not have
PLAIN_NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
NAN = float("nan")
LONGEST_TEXT = 10_000
LONGEST_FREE_TEXT = 100_000
EXPECTED = {
    "number": "a number",
    "boolean": "true or false",
    "category": "a text, a number, true or false",
    "text": "a text",
    "time": "a time as text, written as in ISO 8601",
}


class Marks:
    """Texts that stand for no value, and so do the numbers of which they are.

    >>> marks = Marks(["-999.0", "?"])
    >>> [marks.hold(value) for value in (-999, -999.0, "-999.0", "?", 999, "-999", True, [])]
    [True, True, True, True, False, False, False, False]
    """

    def __init__(self, marks: Iterable[str]) -> None:
        self._texts = frozenset(marks)
        self._numbers = {float(mark) for mark in self._texts if PLAIN_NUMBER.fullmatch(mark)}

    def hold(self, value: object) -> bool:
        """Tell whether a value is one of them: a number by its value, a text by its letters."""
        if type(value) is str:
            return value in self._texts
        return (type(value) is float or type(value) is int) and value in self._numbers


def read_with_marks(kind: str, marks: Marks) -> Read:
    """Return what reads the values of a kind, and a mark as no value.

    >>> [read_with_marks("category", Marks(["9"]))(value) for value in ("x", "9", 9, 8)]
    ['x', '__missing__', '__missing__', '8']
    """
    read, empty = READ[kind], EMPTY[kind]
    return lambda value: empty if marks.hold(value) else read(value)


def parts_of(feature: Feature) -> tuple[Callable[[float], float] | None, ...]:
    """Return what makes numbers of a feature's value; None takes it as it is.

    >>> make_hour, *_ = parts_of(Feature("at", "time"))
    >>> make_hour and make_hour(READ["time"]("2013-04-01T05:30"))
    5.5
    """
    if feature.kind == "time":
        return tuple(PARTS_OF[part] for part in feature.parts or PARTS)
    return () if feature.kind in ("category", "text") else (None,)


def _hour(exact: float) -> float:
    return exact % MICROSECONDS_A_DAY / 3_600_000_000.0


def _weekday(exact: float) -> float:
    return (exact // MICROSECONDS_A_DAY + 3) % 7


def _month(exact: float) -> float:
    return NAN if exact != exact else _date(exact).month  # noqa: PLR0124


def _day_of_year(exact: float) -> float:
    return NAN if exact != exact else _date(exact).timetuple().tm_yday  # noqa: PLR0124


def _date(exact: float) -> datetime.date:
    return datetime.date.fromordinal(EPOCH + int(exact // MICROSECONDS_A_DAY))


def _number(value: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise TypeError
    # compared as it is: a whole number of 400 digits is no float
    return float(value) if -LARGEST <= value <= LARGEST else NAN


def _boolean(value: Any) -> float:
    if value is True or value is False:
        return float(value)
    raise TypeError


def _text(value: Any) -> str:
    if type(value) is str:
        if len(value) > LONGEST_TEXT:
            raise ValueError
        # ASCII is its own text; `category` mends what is no UTF-8
        return value if value and value.isascii() else category(value)
    if type(value) in (int, float, bool):
        return category(value)
    raise TypeError


def _words(value: Any) -> str:
    if type(value) is not str:
        return words(_text(value))
    if len(value) > LONGEST_FREE_TEXT:
        raise ValueError
    return words(value)


def _time(value: Any) -> float:
    if type(value) is not str:
        raise TypeError
    return moment(value)


READ: Mapping[str, Read] = {
    "number": _number,
    "boolean": _boolean,
    "category": _text,
    "text": _words,
    "time": _time,
}
EMPTY: Mapping[str, Any] = {
    "number": NAN,
    "boolean": NAN,
    "category": MISSING,
    "time": NAN,
    "text": MISSING,
}
PARTS_OF: Mapping[str, Callable[[float], float]] = {
    "hour": _hour,
    "weekday": _weekday,
    "month": _month,
    "day_of_year": _day_of_year,
}
