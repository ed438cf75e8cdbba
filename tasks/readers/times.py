"""Times as people write them: which format a text has, and texts read by a format."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal

import polars as pl

from tasks.config.times import DIRECTIVES, cut_format

_CLOCK = r"(?P<clock>\d{1,2}:\d\d(?P<seconds>:\d\d(?P<part>\.\d{1,9})?)?(?P<noon> ?[AaPp][Mm])?)"
_ZONE = r"Z| ?[+-]\d\d:?\d\d| ?(?:GMT|UTC)(?:[+-]\d{1,2}(?::?\d\d)?)?"
_TIME = rf"(?P<gap> |T|, ){_CLOCK}(?P<zone>{_ZONE})?"
NAMED_ZONE = re.compile("(GMT|UTC)%z$")
_SHAPES = (
    (r"(?P<a>\d{4})(?P<s>[-/.])\d{1,2}(?P=s)\d{1,2}", ("%Y{s}%m{s}%d",)),
    (r"\d{1,2}(?P<s>[-/.])\d{1,2}(?P=s)\d{4}", ("%d{s}%m{s}%Y", "%m{s}%d{s}%Y")),
    (r"\d{1,2}(?P<s>[-/.])\d{1,2}(?P=s)\d{2}", ("%d{s}%m{s}%y", "%m{s}%d{s}%y", "%y{s}%m{s}%d")),
    (r"\d{1,2}(?P<s>[- ])[A-Za-z]{3}(?P=s)\d{4}", ("%d{s}%b{s}%Y",)),
    (r"\d{1,2}(?P<s>[- ])[A-Za-z]{3}(?P=s)\d{2}", ("%d{s}%b{s}%y",)),
    (r"\d{1,2}(?P<s> )[A-Za-z]{4,9}(?P=s)\d{4}", ("%d{s}%B{s}%Y",)),
    (r"[A-Za-z]{3} \d{1,2},(?P<s> )\d{4}", ("%b %d, %Y", "%B %d, %Y")),
    (r"[A-Za-z]{4,9} \d{1,2},(?P<s> )\d{4}", ("%B %d, %Y",)),
    (r"[A-Za-z]{3}(?P<s>[- ])\d{1,2}(?P=s)\d{4}", ("%b{s}%d{s}%Y", "%B{s}%d{s}%Y")),
    (r"[A-Za-z]{4,9}(?P<s>[- ])\d{1,2}(?P=s)\d{4}", ("%B{s}%d{s}%Y",)),
    (r"\d{4}(?P<s>[- ])[A-Za-z]{3}(?P=s)\d{1,2}", ("%Y{s}%b{s}%d",)),
    (r"[A-Za-z]{3}(?P<s>[- ])\d{4}", ("%b{s}%Y", "%B{s}%Y")),
    (r"[A-Za-z]{4,9}(?P<s>[- ])\d{4}", ("%B{s}%Y",)),
    (r"\d{4}(?P<s>[- ])[A-Za-z]{3}", ("%Y{s}%b",)),
    (r"\d{4}(?P<s>[-/])\d{1,2}", ("%Y{s}%m",)),
    (r"\d{1,2}(?P<s>[-/])\d{4}", ("%m{s}%Y",)),
    (r"(?P<s>)(19|20)\d{6}", ("%Y%m%d",)),
)


def formats_of(text: str) -> tuple[str, ...]:
    """Return the formats that one text may have.

    >>> formats_of("31/12/2023 6:15 pm"), formats_of("2023.12.31"), formats_of("street 5")
    (('%d/%m/%Y %I:%M %p', '%m/%d/%Y %I:%M %p'), ('%Y.%m.%d',), ())
    """
    for shape, formats in _SHAPES:
        match = re.fullmatch(rf"{shape}({_TIME})?", text)
        if match:
            time = _time_format(match)
            forms = tuple(form.format(s=match["s"]) + time for form in formats)
            # the others of a column may be of its summer: GMT+1
            summer = time.endswith(("GMT", "UTC"))
            return (*forms, *(f"{form}%z" for form in forms if summer))
    return ()


def time_kind(format_: str) -> Literal["timestamp", "date"]:
    """Return the kind of times of a format: timestamps where it tells the time of day.

    >>> time_kind("%d/%m/%Y"), time_kind("%Y-%m-%d %H")
    ('date', 'timestamp')
    """
    return "timestamp" if "%H" in format_ or "%I" in format_ else "date"


def read_times(texts: pl.Series, format_: str) -> pl.Series:
    """Return texts as naive UTC times, null where one has another form.

    A month or a year alone is its first day, an hour alone its start.

    >>> read_times(pl.Series(["31/12/2023", "31/02/2024", "1/1/24"]), "%d/%m/%Y").to_list()
    [datetime.datetime(2023, 12, 31, 0, 0), None, None]
    """
    fits = texts.str.contains(_pattern(format_))
    texts = texts.zip_with(fits.fill_null(value=False), pl.Series([None], dtype=pl.String))
    ours, rest = _completed(format_)
    if NAMED_ZONE.search(format_):
        # chrono takes four digits: GMT, GMT+1 and GMT+01 are +0000 and +0100
        texts = texts.str.replace(r"(GMT|UTC)$", "${1}+00")
        texts = texts.str.replace(r"([+-])(\d)(:?\d\d)?$", "${1}0${2}${3}")
        texts = texts.str.replace(r"([+-]\d\d)$", "${1}00")
    if rest:
        texts = texts + rest
    times = texts.str.to_datetime(ours, strict=False, time_unit="us", ambiguous="null")
    return times.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if "%z" in ours else times


def _time_format(match: Any) -> str:
    if not match["clock"]:
        return ""
    hour, noon = ("%I", f"{' ' if ' ' in match['noon'] else ''}%p") if match["noon"] else ("%H", "")
    seconds = ":%S" if match["seconds"] else ""
    part = ".%f" if match["part"] else ""
    zone = match["zone"] or ""
    if zone[-1:].isdigit():
        zone = zone.rstrip("+-:0123456789") + "%z"
    return f"{match['gap']}{hour}:%M{seconds}{part}{noon}{zone}"


@cache
def _pattern(format_: str) -> str:
    pieces = cut_format(format_)
    return "^" + "".join(DIRECTIVES.get(piece) or re.escape(piece) for piece in pieces) + "$"


@cache
def _completed(format_: str) -> tuple[str, str]:
    """Return the format with what chrono needs besides, and the text that says it."""
    rest = ""
    if "%d" not in format_ and "%j" not in format_:
        rest = "|01" if any(month in format_ for month in ("%m", "%b", "%B")) else "|01|01"
    ours = format_.replace(".%f", "%.f") + {"": "", "|01": "|%d", "|01|01": "|%m|%d"}[rest]
    if time_kind(format_) == "date":
        return ours + "|%H:%M", rest + "|00:00"
    return (ours, rest) if "%M" in format_ else (ours + "|%M", rest + "|00")
