"""What the points of 35.287 are, where the file's other columns prove it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from tasks.readers.answers import is_ambiguous
from tasks.readers.column_study import ColumnStudy
from tasks.readers.kinds import NUMERIC
from tasks.readers.options import Reading


def settle_points(
    columns: Mapping[str, ColumnStudy], written: Collection[str]
) -> dict[str, tuple[Reading, str]]:
    """Return how columns read that others settle, with that proof, to be told.

    A column of whole groups of three, such as 35.287 and 237, reads in two ways. A comma before
    the fraction of another column proves points between thousands; where no column has one, a
    point before a fraction proves points before fractions.

    Args:
        written: the columns that a person, or a program for one, wrote as texts: a number of JSON
            has a point in any country.
    """
    texts = {name: column for name, column in columns.items() if name in written}
    proofs = {mark: _find_proof(texts, mark) for mark in ",."}
    mark = next((mark for mark, proof in proofs.items() if proof), "")
    settled = {}
    for name, column in columns.items():
        if mark and _is_open(column):
            form = next(form for form in column.forms if form.decimal == mark)
            sort = "decimal commas" if mark == "," else "decimal points"
            settled[name] = form, f", with {sort} as in {proofs[mark]}"
    return settled


def _is_open(column: ColumnStudy) -> bool:
    forms = column.forms
    pointed = any(form.thousands == "." for form in forms)
    return column.reading is None and pointed and is_ambiguous(forms)


def _find_proof(columns: Mapping[str, ColumnStudy], mark: str) -> str:
    """Return a column and a value of it that has this mark before a fraction, or nothing."""
    for name, column in columns.items():
        reading = column.reading or Reading(kind="number")
        numbers = column.kind == "number" and reading.kind in NUMERIC
        if (
            not numbers
            or reading.decimal != mark
            or (column.reading is None and is_ambiguous(column.forms))
        ):
            continue
        shown = next((t for t in column.examples if re.search(rf"\d{re.escape(mark)}\d", t)), None)
        if shown is not None:
            return f"{name} (`{shown}`)"
    return ""
