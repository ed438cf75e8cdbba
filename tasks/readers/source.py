"""What every reader of a file format gives: names, an inferred schema, and typed pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from tasks.arrays import Integers
from tasks.readers.coerce import coerce
from tasks.readers.kinds import kind_of
from tasks.readers.problem import Problem

MIB = 1024 * 1024
MAX_COLUMNS = 2000  # a file without line ends is one very long header
MAX_FIELD = MIB  # bytes of one text
MAX_NAME = 255  # characters; a longer one is a value, not a name


class BadBatch(Exception):
    """The file cannot be read any further; it carries the problems that a report shows."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*(problem.sentence for problem in problems))


@dataclass(frozen=True)
class Piece:
    """Some rows in the contract's types, null where a value does not read as its type.

    `bad` holds, per column, the positions of such values inside the piece; `retyped` says which
    columns came as another type without losing anything.
    """

    table: pa.Table
    bad: dict[str, Integers] = field(default_factory=dict)
    retyped: dict[str, str] = field(default_factory=dict)


def shape_piece(batch: pa.RecordBatch, schema: pa.Schema) -> Piece:
    """Return the rows of a batch in the types of `schema`; a column that it lacks is null."""
    columns: list[Any] = []
    bad, retyped = {}, {}
    for column in schema:
        if column.name not in batch.schema.names:
            columns.append(pa.nulls(batch.num_rows, column.type))
            continue
        came = batch.column(column.name)
        array, wrong = coerce(came, kind_of(column.type) or "")
        columns.append(array)
        if len(wrong):
            bad[column.name] = wrong
        elif kind_of(came.type) != kind_of(column.type):
            retyped[column.name] = f"{kind_of(came.type)} as {kind_of(column.type)}"
    return Piece(pa.table(columns, schema=schema), bad, retyped)


class Source(Protocol):
    """A file of one format, read in bounded memory; each method may raise `BadBatch`."""

    def names(self) -> tuple[str, ...]:
        """Return the column names in the file's order."""

    def infer(self) -> dict[str, str]:
        """Return the kind of each column, judged on the whole file."""

    def pieces(self, schema: pa.Schema) -> Iterator[Piece]:
        """Yield the rows in order; a column the file lacks is null."""


def check_names(names: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return the names if a table can have them.

    Raises:
        BadBatch: too many, an empty one, a very long one, or one twice.
    """
    if len(names) > MAX_COLUMNS:
        message = f"The file has {len(names):,} columns; at most {MAX_COLUMNS:,} are read."
        raise BadBatch(Problem("width", None, message))
    # Told by position: in a file without its header, a name is a person's value.
    problems = []
    for position, name in enumerate(names, start=1):
        if not name.strip():
            problems.append(Problem("column name", None, f"Column {position} has no name."))
        elif len(name) > MAX_NAME or not name.isprintable():
            message = f"Column {position}'s name is longer than {MAX_NAME} or not printable."
            problems.append(Problem("column name", None, message))
    repeated = [place for place, name in enumerate(names, 1) if name in names[: place - 1]]
    if repeated:
        places = ", ".join(str(place) for place in repeated[:5])
        message = f"{len(repeated)} column names came before; columns {places}."
        problems.append(Problem("duplicate header", None, message))
    if problems:
        raise BadBatch(*problems[:20])
    return tuple(names)
