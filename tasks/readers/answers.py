"""What a person said of a column, completed with what its values say. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tasks.readers.kinds import NUMERIC, TIMES
from tasks.readers.options import Reading
from tasks.readers.reading import kind_read


def is_ambiguous(forms: Sequence[Reading]) -> bool:
    """Say whether the readings that fit a column are of one sort, so that only a person can tell.

    >>> is_ambiguous([Reading(kind="date", format="%d/%m/%y"), Reading(kind="date")])
    False
    """
    times = all(form.kind in TIMES and form.format for form in forms)
    return len(forms) > 1 and (times or all(form.kind in NUMERIC for form in forms))


def complete(
    given: Reading,
    kind: str,
    reading: Reading | None,
    forms: tuple[Reading, ...],
    markers: tuple[str, ...],
) -> tuple[str, Reading | None, tuple[Reading, ...]]:
    """Return what a person said of a column with what the values say besides.

    It stays ambiguous where readings fit that the person did not tell apart.
    """
    said = given.model_fields_set
    read = forms if reading is None else (reading, *forms)
    fitting = [form for form in read if _agrees(form, given, said)]
    if reading is None and is_ambiguous(fitting):
        return kind, None, tuple(_merge(form, given, kind, markers) for form in fitting)
    # what the values say of themselves comes first; times that numbers may be are choices behind
    made = _merge(fitting[0] if fitting else Reading(), given, kind, markers)
    return kind_read(made) or kind, made, (made,)


def _merge(known: Reading, given: Reading, kind: str, markers: tuple[str, ...]) -> Reading:
    said = given.model_fields_set
    told = {name: getattr(given, name) for name in said}
    kind = kind_read(given) or kind_read(known) or kind
    if kind != "string" and (given.missing or "missing" not in said):
        marks = {mark for mark in markers if mark and mark not in (*given.yes, *given.no)}
        told["missing"] = tuple(dict.fromkeys((*given.missing, *sorted(marks))))
    return known.model_copy(update=told)


def _agrees(form: Reading, given: Reading, said: Collection[str]) -> bool:
    same = {name for name in said if name != "missing"}
    if given.kind == "number" and form.kind == "integer":
        same -= {"kind"}
    return all(getattr(form, name) == getattr(given, name) for name in same)
