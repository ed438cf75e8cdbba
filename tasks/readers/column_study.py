"""What one column of a file is, judged on what was counted over all of its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, cast

import polars as pl

from expectations.suite import Kind
from tasks.config.source import Unit
from tasks.readers.answers import complete
from tasks.readers.column import POINTED, ColumnTally
from tasks.readers.kinds import NUMERIC, TIMES
from tasks.readers.options import Reading
from tasks.readers.reading import PER_MICROSECOND, read_column
from tasks.readers.times import NAMED_ZONE

SHOWN = 50  # of the commonest values
LONG = 1e14  # a whole number of 15 digits: an account, a card, a barcode
# Counts since 1970 between 1990 and 2100; the windows of the units do not meet.
EPOCH = (631_152_000, 4_102_444_800)
YEARS = (1000, 2100)  # of four digits: sunspots are counted since 1700
UNITS: tuple[Unit, ...] = ("s", "ms", "us", "ns")
HINT = re.compile(r"(^|_)(at|ts|on|seen|when|day)$|time|date|stamp|epoch", re.IGNORECASE)
SPOKEN = frozenset({str, type(None)})  # types of JSON lines that hold texts alone


@dataclass(frozen=True)
class ColumnStudy:
    """One column, over all rows.

    Attributes:
        kind: of the values as `reading` reads them.
        reading: how its texts read; None in the plain form, or where a person must choose.
        missing: rows without a value.
        distinct: values; None where there are more than were counted exactly.
        unique: no value comes twice, and none is missing.
        running: whole numbers that only rise or only fall, without wide gaps.
        constant: one value at most.
        code: digits that are no number, such as 00501.
        words: mean words of a text.
        least, most: of numbers and times; times are UTC.
        levels: the commonest values and their rows, at most 50; none where there are many values.
        examples: a few values as they are written.
        forms: all readings that fit; more than one is ambiguous, or a choice such as an epoch.
    """

    name: str
    kind: str
    reading: Reading | None
    missing: int
    distinct: int | None
    unique: bool
    running: bool
    constant: bool
    code: bool
    words: float
    least: float | datetime | None
    most: float | datetime | None
    levels: dict[str, int]
    examples: tuple[str, ...]
    forms: tuple[Reading, ...]


def judge_column(
    name: str,
    tally: ColumnTally,
    typed: str | None = None,
    types: frozenset[type] = frozenset(),
    given: Reading | None = None,
) -> ColumnStudy:
    """Say what a column is.

    Args:
        name: of the column.
        tally: what was counted of its texts.
        typed: its kind, in a format that has types.
        types: of its values in JSON lines.
        given: how it reads, where a person said so.
    """
    kind, reading, forms = _read(name, tally, typed, types)
    if given is not None:
        kind, reading, forms = complete(given, kind, reading, forms, tuple(tally.markers))
    distinct, repeated = _count(tally)
    words = kind == "string"
    gone = 0 if words else sum(tally.markers.values())
    if distinct is not None and not words:
        distinct -= len(tally.markers)
    levels = dict(tally.levels.most_common(SHOWN)) if tally.levels else {}
    least, most = _ends(tally, reading, kind)
    whole = isinstance(least, float) and isinstance(most, float) and kind == "integer"
    dense = whole and most - least < 10 * tally.rows
    return ColumnStudy(
        name=name,
        kind=kind,
        reading=reading,
        missing=tally.nulls + gone,
        distinct=distinct,
        unique=distinct is not None and not repeated and not tally.nulls + gone,
        running=bool(dense) and tally.rows > 1 and (tally.rising or tally.falling),
        constant=distinct is not None and distinct <= 1,
        code=words and tally.digits and tally.plain.seen,
        words=tally.words / tally.worded if words and tally.worded else 0.0,
        least=least,
        most=most,
        levels={level: n for level, n in levels.items() if words or level not in tally.markers},
        examples=tally.examples,
        forms=forms,
    )


def describe_reading(column: ColumnStudy) -> str:
    """Return in one line how a column is read, with a value of it that the reading changes."""
    reading = column.reading
    assert reading is not None
    texts = [text for text in column.examples if text not in reading.missing]
    said = []
    if texts and column.code:
        said.append(f"`{texts[0]}` is a code, and stays text")
    elif texts and reading.model_fields_set - {"kind", "missing"}:
        values = read_column(pl.Series(texts).to_arrow(), reading, column.kind)[0].to_pylist()
        read = [*zip(texts, values, strict=True)]
        signs = {*reading.strip, *reading.thousands, reading.decimal.strip(".")} - {""}
        changed = [pair for pair in read if str(pair[1]) != pair[0]]
        marked = [pair for pair in changed if any(sign in pair[0] for sign in signs)]
        said += [f"`{text}` reads as {value}" for text, value in (marked or changed)[:1]]
        said += ["blanks around values are left out"] if not said and reading.strip == " " else []
        said += [f"counted in {reading.unit} since 1970"] if reading.unit else []
    if reading.missing:
        marks = ", ".join(f"`{mark}`" for mark in reading.missing)
        said.append(f"{marks} {'stand' if reading.missing[1:] else 'stands'} for no value")
    return f"{column.name}: {', '.join(said) or f'read as {column.kind}'}"


def _read(
    name: str, tally: ColumnTally, typed: str | None, types: frozenset[type]
) -> tuple[str, Reading | None, tuple[Reading, ...]]:
    """Return the kind of a column, how its texts read, and all readings that fit."""
    plain = cast("Kind", tally.plain.kind if typed in (None, "string") else typed)
    marks = tuple(sorted(mark for mark in tally.markers if mark))
    forms = _distinct_forms(tally, marks)
    if plain in NUMERIC:
        texts = typed in (None, "string") and types <= SPOKEN
        if plain == "number" and tally.pointed and texts and POINTED in tally.forms:
            both = (POINTED, Reading(kind="number", decimal="."))
            return plain, None, tuple(form.model_copy(update={"missing": marks}) for form in both)
        times = [*_counted_times(tally), *(form for form in forms if form.kind in TIMES)]
        return _read_number(name, plain, tally, times, typed, types)
    if plain != "string":
        written = marks or (str in types and types - SPOKEN)
        read = Reading(kind=plain, missing=marks) if written else None
        return plain, read, (read or Reading(kind=plain),)
    if forms:
        return forms[0].kind or plain, forms[0] if len(forms) == 1 else None, tuple(forms)
    if types - SPOKEN or tally.blanks:
        forms = [Reading(kind="string", strip=" " if tally.blanks else "")]
    return "string", forms[0] if forms else None, tuple(forms)


def _read_number(
    name: str,
    kind: Kind,
    tally: ColumnTally,
    times: list[Reading],
    typed: str | None,
    types: frozenset[type],
) -> tuple[str, Reading | None, tuple[Reading, ...]]:
    ends, marks = tally.ends.get(None), tuple(sorted(mark for mark in tally.markers if mark))
    sure = [form for form in times if _is_time(name, tally, form)]
    if sure:
        reading = sure[0].model_copy(update={"missing": marks})
        return reading.kind or kind, reading, (reading, Reading(kind=kind))
    texts = typed in (None, "string") and types <= SPOKEN
    if texts and ends is not None and ends[0] >= LONG and tally.digits:
        code = Reading(kind="string")
        return "string", code, (code, *times)
    # A number in quotes, in JSON lines, is read as one where that is said.
    read = Reading(kind=kind, missing=marks) if marks or str in types else None
    return kind, read, (read or Reading(kind=kind), *times)


def _distinct_forms(tally: ColumnTally, marks: tuple[str, ...]) -> list[Reading]:
    """Return the forms that read values differently, with the marks for no value."""
    kept: list[Reading] = []
    said = {form.format for form in tally.forms}
    for form in tally.forms:
        if form.format and "%B" in form.format and form.format.replace("%B", "%b") in said:
            continue
        if NAMED_ZONE.search(form.format or "") and (form.format or "")[:-2] in said:
            continue
        if form.kind in NUMERIC and any(_same_number(form, other, tally) for other in kept):
            continue
        seen: Mapping[str, int] = tally.levels or {}
        spelt = {
            "yes": tuple(word for word in form.yes if word in seen),
            "no": tuple(word for word in form.no if word in seen),
        }
        if form.kind != "boolean" or all(spelt.values()):
            kept.append(form.model_copy(update={**spelt, "missing": marks}))
    return kept


def _same_number(form: Reading, other: Reading, tally: ColumnTally) -> bool:
    # Without a mark in any value, or with the same one before the fraction, they read alike.
    plain = Reading(kind=other.kind, strip=other.strip)
    alike = plain in tally.forms and not (tally.pointed and other.kind == "number")
    return other.kind in NUMERIC and (form.decimal == other.decimal or alike)


def _counted_times(tally: ColumnTally) -> list[Reading]:
    """Return the times that numbers may be counts of: since 1970, or years."""
    ends = tally.ends.get(None)
    if ends is None:
        return []
    low, high = EPOCH
    choices = [
        Reading(kind="timestamp", unit=unit)
        for unit in UNITS
        if low <= ends[0] / PER_MICROSECOND[unit] * 1e-6
        and ends[1] / PER_MICROSECOND[unit] * 1e-6 <= high
    ]
    whole = "integer" in tally.plain.possible
    if whole and YEARS[0] <= ends[0] < ends[1] <= YEARS[1]:
        choices.append(Reading(kind="date", format="%Y"))
    return choices


def _is_time(name: str, tally: ColumnTally, form: Reading) -> bool:
    if form.format == "%Y":
        return False
    return bool(HINT.search(name)) or tally.rising or tally.falling


def _count(tally: ColumnTally) -> tuple[int | None, bool]:
    if tally.hashes is None:
        return None, True
    if not tally.hashes:
        return 0, False
    kept = sum(map(len, tally.hashes))
    distinct = pl.concat(tally.hashes).n_unique() if len(tally.hashes) > 1 else kept
    return distinct, tally.repeated or distinct < kept


def _ends(tally: ColumnTally, reading: Reading | None, kind: str) -> tuple[Any, Any]:
    forms = [form for form in tally.ends if form is not None and reading is not None]
    like = [
        form
        for form in forms
        if reading is not None
        and (form.format, form.decimal, form.thousands, form.strip)
        == (reading.format, reading.decimal, reading.thousands, reading.strip)
    ]
    found = tally.ends.get(like[0] if like else None)
    if found is None and kind in TIMES and tally.ends:
        found = next(iter(tally.ends.values()))
    if found is None or kind not in (*NUMERIC, *TIMES):
        return None, None
    if reading is not None and reading.unit and isinstance(found[0], float):
        per = PER_MICROSECOND[reading.unit]
        return tuple(datetime.fromtimestamp(end / per * 1e-6, UTC) for end in found)  # type: ignore[return-value]
    return _end(found[0]), _end(found[1])


def _end(value: Any) -> float | datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    return float(value)
