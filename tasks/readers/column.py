"""One column of a file that nobody described yet, looked at block by block in bounded memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from expectations.suite import Kind
from tasks.readers.coerce import MISSING, coerce
from tasks.readers.infer import PROBE, TextKind
from tasks.readers.kinds import NUMERIC, TIMES
from tasks.readers.options import Reading
from tasks.readers.reading import read_column
from tasks.readers.times import formats_of, time_kind

# Words for no value, where the other values of a column are numbers, times or truth values.
MARKERS = (
    *MISSING.to_pylist(),
    *(" ", "?", "-", "--", ".", "*", "#N/A", "n/a", "na", "N.A.", "none", "nil", "missing", r"\N"),
    # No table holds them, and to a model they are missing anyway.
    *("inf", "-inf", "Inf", "-Inf", "+Inf", "Infinity", "-Infinity", "#DIV/0!", "#VALUE!"),
)
WORDS = (
    *(("Yes", "No"), ("Y", "N"), ("T", "F"), ("True", "False"), ("On", "Off")),
    *(("Ja", "Nein"), ("Oui", "Non"), ("Sí", "No"), ("Si", "No")),
)
SIGNS = "$€£¥₹%"
Thousands = Literal["", ",", ".", " ", "'"]
MARKS: tuple[tuple[Thousands, Literal[".", ","]], ...] = (
    *(("", "."), (",", "."), (" ", "."), ("'", ".")),
    *(("", ","), (".", ","), (" ", ",")),
)
# Whole numbers with points between thousands, each of which reads with a decimal point as well.
GROUPED = rf"^[{SIGNS} ]*[+-]?[{SIGNS} ]*(0|[1-9][0-9]{{0,2}}(\.[0-9]{{3}})*)[{SIGNS} ]*$"
POINTED = Reading(kind="integer", thousands=".", decimal=",")
LEVELS = 10_000  # values of a column that are counted one by one
COUNTED = 100_000  # values of a column that repeats, beyond which they are not counted


@dataclass
class ColumnTally:
    """What a column of texts holds so far; `bound` values are told apart at most.

    `forms` are the readings that fit all values so far, besides the plain form; `ends` the least
    and the most value of each of them, and under None of the plain form.
    """

    bound: int
    rows: int = 0
    nulls: int = 0
    plain: TextKind = field(default_factory=lambda: TextKind(MARKERS))
    forms: list[Reading] = field(default_factory=list)
    ends: dict[Reading | None, tuple[Any, Any]] = field(default_factory=dict)
    markers: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] | None = field(default_factory=Counter)
    examples: tuple[str, ...] = ()
    words: int = 0
    worded: int = 0
    digits: bool = True
    blanks: bool = False
    repeated: bool = False
    rising: bool = True
    falling: bool = True
    last: int | None = None
    hashes: list[pl.Series] | None = field(default_factory=list)
    numeric: bool = True
    pointed: bool = True

    def see(self, texts: pl.Series) -> None:
        """Take a block of rows into account, nulls for missing values."""
        self.rows += len(texts)
        self.nulls += texts.null_count()
        filled = texts.drop_nulls()
        if not len(filled):
            return
        if not self.examples:
            self.examples = tuple(filled.head(1000).unique(maintain_order=True).head(5))
        values = self._count(filled)
        marked = values.is_in(list(MARKERS))
        if marked.any():
            found = filled.filter(filled.is_in(list(MARKERS))).value_counts()
            self.markers.update(dict(found.iter_rows()))
            values = values.filter(~marked)
        if len(values):
            self._fit(values)
        self._order(filled)
        if not self.plain.possible:
            self.words += int((filled.str.count_matches(r"\S+")).sum())
            self.worded += len(filled)

    def _count(self, filled: pl.Series) -> pl.Series:
        """Count values, and return those of the block, each once where many repeat."""
        hashes = filled.hash()
        distinct = hashes.unique()
        self.repeated = self.repeated or len(distinct) < len(filled)
        if self.hashes is not None:
            self.hashes.append(distinct)
            if sum(map(len, self.hashes)) > self._bound():
                merged = pl.concat(self.hashes).unique()
                self.repeated = self.repeated or len(merged) < sum(map(len, self.hashes))
                self.hashes = [merged] if len(merged) <= self._bound() else None
        if self.levels is not None and len(distinct) <= LEVELS:
            self.levels.update(dict(filled.value_counts().iter_rows()))
        if len(distinct) > LEVELS or (self.levels is not None and len(self.levels) > LEVELS):
            self.levels = None
        return filled.unique(maintain_order=True) if len(distinct) < len(filled) / 4 else filled

    def _bound(self) -> int:
        # Numbers with fractions identify nothing: how many there are need not be exact.
        fractions = self.plain.possible[:1] == ["number"]
        return min(self.bound, COUNTED) if self.repeated or fractions else self.bound

    def _fit(self, values: pl.Series) -> None:
        first, whole = not self.plain.seen, "integer" in self.plain.possible
        self.plain.see(values)
        possible = self.plain.possible
        plain_number = "integer" in possible or "number" in possible
        if self.digits and "integer" not in possible:
            self.digits = bool(values.str.contains("^[0-9]+$").all())
        if not possible and not self.blanks:
            self.blanks = bool(values.str.contains(r"^\s|\s$").any())
        if first:
            self.forms = _first_forms(values, possible)
            self.forms += [POINTED] if plain_number else []
        # Numbers so far may turn out to be written with marks: earlier blocks fit those, too.
        if self.numeric and not plain_number:
            self.numeric = False
            self.forms += _marked_forms(values, fractions=not (first or whole))
        probe = values.head(PROBE)
        if self.pointed:
            self.pointed = all(bool(some.str.contains(GROUPED).all()) for some in (probe, values))
        self.forms = [form for form in self.forms if _fits(probe, form)]
        self.forms = [form for form in self.forms if self._extend(values, form)]
        if plain_number:
            self._end(None, values.cast(pl.Float64, strict=False))
        elif possible:
            self._end(None, pl.Series(coerce(values.to_arrow(), possible[0])[0]))

    def _extend(self, values: pl.Series, form: Reading) -> bool:
        array, bad = read_column(values.to_arrow(), form, form.kind or "string")
        if len(bad):
            return False
        if form.kind not in ("boolean", "string"):
            known = self.ends.get(None) if form.kind in NUMERIC else None
            self._end(form, pl.Series(array), known)
        return True

    def _end(self, form: Reading | None, values: pl.Series, known: Any = None) -> None:
        found = [end for end in (values.min(), values.max()) if end is not None]
        if not found or values.dtype == pl.Boolean:
            return
        found += self.ends.get(form) or known or ()
        self.ends[form] = (min(found), max(found))

    def _order(self, filled: pl.Series) -> None:
        if not (self.rising or self.falling):
            return
        whole = "integer" in self.plain.possible and not self.nulls
        numbers = filled.cast(pl.Int64, strict=False)
        if not whole or numbers.null_count():
            self.rising = self.falling = False
            return
        if self.last is not None:
            numbers = pl.concat([pl.Series([self.last], dtype=pl.Int64), numbers])
        steps = numbers.diff(null_behavior="drop")
        self.rising = self.rising and bool((steps > 0).all())
        self.falling = self.falling and bool((steps < 0).all())
        self.last = numbers[-1]


def _fits(values: pl.Series, form: Reading) -> bool:
    return not len(read_column(values.to_arrow(), form, form.kind or "string")[1])


def _first_forms(values: pl.Series, possible: list[str]) -> list[Reading]:
    """Return the times and the words for true and false that the first values may be."""
    forms = []
    if not set(TIMES) & set(possible):
        formats = formats_of(values[0].strip())
        forms = [Reading(format=format_, kind=time_kind(format_)) for format_ in formats]
    words = set(values.head(1000).str.to_lowercase().unique())
    for true, false in WORDS:
        if words <= {true.lower(), false.lower()}:
            spelt = [(word, word.lower(), word.upper()) for word in (true, false)]
            yes, no = (tuple(dict.fromkeys(spellings)) for spellings in spelt)
            forms.append(Reading(kind="boolean", yes=yes, no=no))
    return forms


def _marked_forms(values: pl.Series, *, fractions: bool) -> list[Reading]:
    """Return the ways in which values may be numbers with marks.

    `fractions` says that plain ones with a decimal point came before.
    """
    signs = [sign for sign in SIGNS if values.str.contains(sign, literal=True).any()]
    blanks = " " if values.str.contains(r"^\s|\s$").any() else ""
    if len(signs) > 1:  # amounts in several currencies are no numbers of one kind
        return []
    strip = "".join((*signs, blanks)) if signs or blanks else ""
    kinds: tuple[Kind, ...] = ("number",) if fractions else ("integer", "number")
    return [
        Reading(kind=kind, thousands=thousands, decimal=decimal, strip=strip)
        for thousands, decimal in MARKS
        for kind in kinds
        if (decimal == "." or not fractions) and (strip or thousands or decimal != ".")
    ]
