"""The parts of a time that come again: hour, weekday, month, day of the year. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tasks.arrays import Floats, Integers, Singles

MICROSECONDS_A_DAY = 86_400_000_000
MICROSECONDS_AN_HOUR = 3_600_000_000.0


def unfold_cycles(exact: Floats, parts: Iterable[str]) -> dict[str, Singles]:
    """Return each part as float32, NaN where the time is missing.

    Weekday 0 is Monday, and the hour has its minutes as a fraction.

    Args:
        exact: (n,) whole microseconds since 1970 in UTC, NaN where missing.
        parts: hour, weekday, month or day_of_year.

    >>> made = unfold_cycles(np.array([0.0, 90_000_000_000.0, np.nan]), ("hour", "weekday"))
    >>> made["hour"].tolist(), made["weekday"].tolist()
    ([0.0, 1.0, nan], [3.0, 4.0, nan])
    """
    missing = np.isnan(exact)
    whole = np.where(missing, 0.0, exact).astype(np.int64)
    # rounded down, so that times before 1970 fall into their own day
    days = whole // MICROSECONDS_A_DAY
    made = {}
    for part in parts:
        if part == "hour":
            # divided in double: a float32 holds a day's microseconds to within eight thousand
            values = ((whole - days * MICROSECONDS_A_DAY) / MICROSECONDS_AN_HOUR).astype(np.float32)
        else:
            values = _by_day(days, _OF_A_DAY[part])
        values[missing] = np.nan
        made[part] = values
    return made


def _by_day(days: Integers, part: Callable[[Integers], Any]) -> Singles:
    # the calendar is asked once for each day of the span, where that is shorter than the rows
    first = int(days.min()) if len(days) else 0
    span = int(days.max()) - first + 1 if len(days) else 0
    if span > len(days):
        return np.asarray(part(days), dtype=np.float32)
    table = np.asarray(part(np.arange(first, first + span)), dtype=np.float32)
    return table[days - first]


def _dates(days: Integers, unit: str) -> Any:
    return days.astype("datetime64[D]").astype(f"datetime64[{unit}]")


_OF_A_DAY: Mapping[str, Callable[[Integers], Any]] = {
    # the epoch, 1 January 1970, was a Thursday
    "weekday": lambda days: (days + 3) % 7,
    "month": lambda days: _dates(days, "M").astype(np.int64) % 12 + 1,
    "day_of_year": lambda days: (_dates(days, "D") - _dates(days, "Y")).astype(np.int64) + 1,
}
