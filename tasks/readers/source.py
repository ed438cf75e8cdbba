"""What every reader of a file format gives: names, an inferred schema, and typed pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import Integers
from tasks.letters import compose
from tasks.readers.coerce import coerce, find_positions
from tasks.readers.kinds import AS_WRITTEN, kind_of
from tasks.readers.options import PLAIN, SourceOptions
from tasks.readers.problem import Problem
from tasks.readers.reading import derive, read_column, suggest_reading

MIB = 1024 * 1024
MAX_COLUMNS = 2000  # a file without line ends is one very long header
MAX_FIELD = MIB  # bytes of one text
MAX_NAME = 255  # characters; a longer one is a value, not a name
TRIED = 1000  # values that do not read, on which another reading is tried
NO_HEADER = "If the first line is a row, set source.names, or write a line of names before it."


class BadBatch(Exception):
    """The file cannot be read any further; it carries the problems that a report shows."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*(problem.sentence for problem in problems))


@dataclass(frozen=True)
class Piece:
    """Some rows in the contract's types, null where a value does not read as its type.

    `bad` holds, per column, the positions of such values inside the piece, `hints` what would read
    them; `retyped` says which columns came as another type without losing anything.
    """

    table: pa.Table
    bad: dict[str, Integers] = field(default_factory=dict)
    retyped: dict[str, str] = field(default_factory=dict)
    hints: dict[str, str] = field(default_factory=dict)


def shape_piece(batch: pa.RecordBatch, schema: pa.Schema, options: SourceOptions = PLAIN) -> Piece:
    """Return the rows of a batch in the types of `schema`; a column that it lacks is null."""
    columns: list[Any] = []
    bad, retyped, hints = {}, {}, {}
    for column in schema:
        name, kind = column.name, kind_of(column.type) or ""
        derived, reading = options.derive.get(name), options.columns.get(name)
        needed = derived.of if derived is not None else (name,)
        if not set(needed) <= set(batch.schema.names):
            columns.append(pa.nulls(batch.num_rows, column.type))
            continue
        came = [batch.column(part) for part in needed]
        if derived is not None:
            array, wrong = derive(came, derived, kind)
        elif reading is not None:
            array, wrong = read_column(came[0], reading, kind)
        else:
            array, wrong = coerce(came[0], kind)
            if column.metadata == AS_WRITTEN and kind == "integer":
                array, wrong = _without_padded(came[0], array, wrong)
        columns.append(array)
        if len(wrong):
            bad[name] = wrong
            if derived is None and kind_of(came[0].type) == "string":
                hints[name] = suggest_reading(name, came[0].take(wrong[:TRIED]), reading, kind)
        elif derived is None and reading is None and kind_of(came[0].type) != kind:
            retyped[name] = f"{kind_of(came[0].type)} as {kind}"
    return Piece(pa.table(columns, schema=schema), bad, retyped, hints)


def _without_padded(came: Any, array: Any, wrong: Integers) -> tuple[Any, Integers]:
    if kind_of(came.type) != "string":
        return array, wrong
    padded = pc.fill_null(pc.match_substring_regex(came, r"^\s*-?0\d"), False)
    if not pc.any(padded).as_py():
        return array, wrong
    return pc.if_else(padded, None, array), np.union1d(wrong, find_positions(padded))


class Source(Protocol):
    """A file of one format, read in bounded memory; each method may raise `BadBatch`."""

    def names(self) -> tuple[str, ...]:
        """Return the column names in the file's order, then those that are derived."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order as they came: of CSV and JSON lines as texts."""

    def infer(self) -> dict[str, str]:
        """Return the kind of each column, judged on the whole file."""

    def pieces(self, schema: pa.Schema) -> Iterator[Piece]:
        """Yield the rows in order; a column the file lacks is null."""


def offered(names: Sequence[str], options: SourceOptions) -> tuple[str, ...]:
    """Return the columns that a file with these columns gives: what is left out, what is derived.

    >>> offered(["", "day"], SourceOptions(leave_out=("",)))
    ('day',)
    """
    kept = [name for name in names if name not in options.leave_out]
    made = [name for name, derived in options.derive.items() if set(derived.of) <= set(names)]
    return tuple(dict.fromkeys((*kept, *made)))


def doubt_header(names: Sequence[str]) -> str:
    """Return what to do about names that look like the values of a row, or nothing.

    Some tables have years or places of pixels for names: those rise, or are years throughout, and
    the numbers of a row are not.

    >>> doubt_header(["5.1", "3.5", "1.4", "setosa"])
    'If the first line is a row, set source.names, or write a line of names before it.'
    >>> doubt_header(["town", "2021", "2020", "2019"]), doubt_header(["x", "y"])
    ('', '')
    """
    numbers = [float(name) for name in names if re.fullmatch(r" *[+-]?\d+\.?\d* *", name)]
    rising = all(low < high for low, high in pairwise(numbers))
    years = all(1800 <= number <= 2100 and number.is_integer() for number in numbers)
    return "" if rising or years else NO_HEADER


def check_names(
    names: Sequence[str], leave_out: Sequence[str] = (), doubt: str = ""
) -> tuple[str, ...]:
    """Return the names, in Unicode's composed form, if a table can have them.

    `doubt` is a sentence for names that come twice.

    Raises:
        BadBatch: too many, an empty one, a very long one, one twice, or two that differ by case
            alone; those left out are not looked at.
    """
    if len(names) > MAX_COLUMNS:
        message = f"The file has {len(names):,} columns; at most {MAX_COLUMNS:,} are read."
        raise BadBatch(Problem("width", None, message))
    names = [compose(name) for name in names]
    # Told by position: in a file without its header, a name is a person's value.
    problems = []
    known: dict[str, int] = {}
    twins = []
    for position, name in enumerate(names, start=1):
        if name in leave_out:
            continue
        if not name.strip():
            message = f'Column {position} has no name. Name it, or set source.leave_out: [""].'
            problems.append(Problem("column name", None, message))
        elif len(name) > MAX_NAME or not name.isprintable():
            message = f"Column {position}'s name is longer than {MAX_NAME} or not printable."
            problems.append(Problem("column name", None, message))
        first = known.setdefault(name.casefold(), position)
        if first != position and name.strip():
            twins.append(f"{first} and {position}")
    if twins:
        same = len({name for name in names if name}) < sum(map(bool, names))
        message = (
            f"Columns {', '.join(twins[:5])} have the same name"
            f"{'' if same else ', but for upper and lower case'}. A table has one of each: "
            f"rename one, or list it under source.leave_out. {doubt}"
        ).rstrip()
        problems.append(Problem("duplicate header", None, message))
    if problems:
        raise BadBatch(*problems[:20])
    return tuple(names)
