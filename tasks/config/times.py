"""The directives of time formats that are read, and what each may match."""

from __future__ import annotations

import re

# What a directive may match. chrono alone would take 12/31/23 for a year 23.
DIRECTIVES = {
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%m": r"\d{1,2}",
    "%d": r"\d{1,2}",
    "%j": r"\d{1,3}",
    "%b": r"[A-Za-z]{3}",
    "%B": r"[A-Za-z]{3,9}",
    "%a": r"[A-Za-z]{3}",
    "%A": r"[A-Za-z]{6,9}",
    "%H": r"\d{1,2}",
    "%I": r"\d{1,2}",
    "%M": r"\d{1,2}",
    "%S": r"\d{1,2}",
    ".%f": r"(\.\d{1,9})?",
    "%p": r"[AaPp][Mm]",
    "%z": r"[+-]\d\d:?\d\d",
    # As forms of Google write them: GMT+1 in summer, GMT in winter.
    "GMT%z": r"GMT([+-]\d{1,2}(:?\d\d)?)?",
    "UTC%z": r"UTC([+-]\d{1,2}(:?\d\d)?)?",
}
_PIECE = re.compile(r"\.%f|(?:GMT|UTC)%z|%.?|(?:(?!(?:GMT|UTC)%z)[^%.])+|\.")


def cut_format(format_: str) -> list[str]:
    """Return a format cut into directives and what stands between them.

    >>> cut_format("%H:%M:%S.%f")
    ['%H', ':', '%M', ':', '%S', '.%f']
    """
    return _PIECE.findall(format_)


def format_fault(format_: str) -> str:
    """Return what is wrong with a format, or nothing.

    >>> format_fault("%d.%m.%Y"), format_fault("%H:%M")
    ('', 'it has no year: %Y or %y')
    """
    known = {piece for piece in cut_format(format_) if "%" in piece}
    unknown = sorted(known - set(DIRECTIVES))
    if unknown:
        return f"it has {', '.join(unknown)}; known are {' '.join(DIRECTIVES)}"
    return "" if {"%Y", "%y"} & known else "it has no year: %Y or %y"
