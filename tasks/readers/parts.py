"""Times that are written in several columns: a date beside an hour, or year, month and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tasks.readers.column_study import ColumnStudy
from tasks.readers.options import Derived

DIRECTIVES = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H"}
SPELT = {
    "year": ("year", "yr", "jahr"),
    "month": ("month", "mnth", "mon", "monat"),
    "day": ("day", "mday", "day_of_month", "tag"),
    "hour": ("hour", "hr", "stunde"),
}
RANGES = {"year": (1800, 2100), "month": (1, 12), "day": (1, 31), "hour": (0, 23)}


def find_parts(columns: Mapping[str, ColumnStudy]) -> tuple[str, Derived, ColumnStudy] | None:
    """Return the column that several make together, where no column is a time by itself."""
    if any(column.kind == "timestamp" for column in columns.values()):
        return None
    parts = {part: name for part in SPELT if (name := _part(columns, part)) is not None}
    # An ambiguous date is asked for first.
    dates = [
        column
        for column in columns.values()
        if column.kind == "date" and (column.reading is not None or len(column.forms) == 1)
    ]
    if len(dates) == 1 and "hour" in parts:
        reading = dates[0].reading
        form = reading.format if reading is not None and reading.format else "%Y-%m-%d"
        derived = Derived(of=(dates[0].name, parts["hour"]), format=f"{form} %H")
    elif not dates and {"year", "month"} <= set(parts):
        kept = [part for part in DIRECTIVES if part in parts]
        kept = kept if "day" in kept else ["year", "month"]
        of = tuple(parts[part] for part in kept)
        derived = Derived(of=of, format=" ".join(DIRECTIVES[part] for part in kept))
    else:
        return None
    kind = "timestamp" if "%H" in derived.format else "date"
    name = next(name for name in ("time", "at", "_".join(derived.of)) if name not in columns)
    return name, derived, _made(name, kind, [columns[part] for part in derived.of])


def _part(columns: Mapping[str, ColumnStudy], part: str) -> str | None:
    low, high = RANGES[part]
    for name, column in columns.items():
        least, most = column.least, column.most
        known = name.casefold() in SPELT[part] and column.kind == "integer"
        if known and isinstance(least, float) and isinstance(most, float):
            return name if low <= least and most <= high else None
    return None


def _made(name: str, kind: str, parts: list[ColumnStudy]) -> ColumnStudy:
    return replace(
        parts[0],
        name=name,
        kind=kind,
        reading=None,
        missing=max(part.missing for part in parts),
        distinct=None,
        unique=False,
        running=False,
        constant=all(part.constant for part in parts),
        least=None,
        most=None,
        levels={},
        examples=(),
        forms=(),
    )
