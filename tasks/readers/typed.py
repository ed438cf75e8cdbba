"""One pass over a file: every row typed, counted, and written down where the checks find it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from tasks.arrays import Integers
from tasks.policy.reading import count_text
from tasks.readers.coerce import find_positions
from tasks.readers.frames import gather
from tasks.readers.kinds import kind_of
from tasks.readers.problem import FEW, Problem
from tasks.readers.read_parquet import ParquetSource
from tasks.readers.source import MAX_FIELD, MIB, BadBatch, Piece, Source

GROUP_ROWS = 262_144  # of one row group
GROUP_BYTES = 64 * MIB  # a group of wide rows ends sooner
ENOUGH = 100_000  # bad values of one column after which the rest is not read
SAID = 5_000_000  # rows between two lines of progress
READS_AS = {
    "string": "text",
    "integer": "whole numbers",
    "number": "numbers",
    "boolean": "true or false",
    "timestamp": "timestamps such as 2013-01-31T06:15:00Z",
    "date": "dates such as 2013-01-31",
}


@dataclass(frozen=True)
class Typed:
    """The rows in the contract's types at `path`, Parquet; counts of what was found."""

    path: Path
    rows: int
    nulls: dict[str, int]
    retyped: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass
class _Tally:
    """What was found so far; row numbers are 1-based over the whole file."""

    schema: pa.Schema
    rows: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    retyped: dict[str, str] = field(default_factory=dict)
    hints: dict[str, set[str]] = field(default_factory=dict)

    def see(self, piece: Piece) -> None:
        for column in piece.table.schema:
            name, values = column.name, piece.table.column(column.name)
            self.nulls[name] += values.null_count
            if name in piece.bad:
                self.hints.setdefault(name, set()).add(piece.hints.get(name, ""))
            self._mark("kind", name, piece.bad.get(name))
            if kind_of(column.type) == "number":
                self._mark("finite numbers", name, find_positions(pc.is_inf(values)))
            elif kind_of(column.type) == "string":
                longer = pc.greater(pc.binary_length(values), MAX_FIELD)
                self._mark("width", name, find_positions(longer))
        self.retyped.update(piece.retyped)
        self.rows += piece.table.num_rows

    def _mark(self, rule: str, column: str, bad: Integers | None) -> None:
        if bad is None or not len(bad):
            return
        key = (rule, column)
        self.counts[key] += len(bad)
        sample = self.samples.setdefault(key, [])
        sample += [self.rows + int(place) + 1 for place in bad[: FEW - len(sample)]]
        # A file of another kind is refused early; the counts then say "or more".
        if self.counts[key] > ENOUGH:
            raise BadBatch(*self.problems(more=" or more"))

    def problems(self, more: str = "") -> tuple[Problem, ...]:
        found = []
        for (rule, column), count in self.counts.items():
            kind = kind_of(self.schema.field(column).type) or "string"
            one, many, said = {
                "kind": ("does not read", "do not read", f"as {READS_AS[kind]}"),
                "finite numbers": ("is", "are", "infinite"),
                "width": ("is", "are", "longer than 1 MiB"),
            }[rule]
            values = count_text(count, f"value {one}", f"{more[1:]} values {many}".lstrip())
            message = f"{values} {said}."
            hints = self.hints.get(column, set()) if rule == "kind" else set()
            # one that reads those of every piece
            message += f" {next(iter(hints))}".rstrip() if len(hints) == 1 else ""
            found.append(Problem(rule, column, message, tuple(self.samples[rule, column])))
        return tuple(found)


def write_typed(source: Source, schema: pa.Schema, path: Path, say: Callable[[str], None]) -> Typed:
    """Read `source` as `schema` and write it to `path`; a fitting Parquet file stays where it is.

    Raises:
        BadBatch: the file cannot be read to its end.
    """
    if isinstance(source, ParquetSource) and source.fits(schema):
        figures = source.scan(schema)
        if figures is not None:
            return Typed(source.path, source.rows, figures, (), ())
    tally = _Tally(schema)
    # LZ4 and no statistics: the file is read again at once, whole, and thrown away.
    writer = pyarrow.parquet.ParquetWriter(path, schema, compression="lz4", write_statistics=False)
    with writer:
        pieces = _seen(source.pieces(schema), tally, say)
        for tables in gather(pieces, GROUP_ROWS, GROUP_BYTES):
            group = pa.concat_tables(tables)
            writer.write_table(group, row_group_size=max(1, group.num_rows))
    retyped = tuple(f"{name}: {how}" for name, how in sorted(tally.retyped.items()))
    return Typed(path, tally.rows, dict(tally.nulls), retyped, tally.problems())


def _seen(pieces: Iterator[Piece], tally: _Tally, say: Callable[[str], None]) -> Iterator[pa.Table]:
    said = 0
    for piece in pieces:
        tally.see(piece)
        if tally.rows - said >= SAID:
            said = tally.rows
            say(f"read {tally.rows:,} rows")
        yield piece.table
