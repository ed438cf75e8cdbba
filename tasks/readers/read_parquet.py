"""Parquet files, read batch by batch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from tasks.policy.reading import count_text
from tasks.readers.coerce import CALENDAR
from tasks.readers.infer import infer_kinds
from tasks.readers.kinds import kind_of
from tasks.readers.options import PLAIN, SourceOptions
from tasks.readers.problem import FEW, Problem
from tasks.readers.source import MIB, BadBatch, Piece, check_names, offered, shape_piece

ROWS = 131_072  # rows of one piece
PIECE_BYTES = 64 * MIB  # of the texts of one piece, were each as long as the longest of its column
UNMEASURED = 256  # rows of one piece whose texts could not be measured
WIDE = 4096  # bytes of a row's texts from which on what reads by rows is to read pieces of ours
MAX_ROW_GROUP = 2048 * MIB
# The table stores one kind of text.
SAME = {pa.large_string(): pa.string(), pa.string_view(): pa.string()}


class ParquetSource:
    """A Parquet file of flat columns."""

    def __init__(self, path: Path, limit: int, options: SourceOptions = PLAIN) -> None:
        self.path = path
        self._limit = limit
        self._options = options
        with self._opened() as file:
            self.schema = file.schema_arrow
            metadata = file.metadata
            sizes = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
            self.rows = metadata.num_rows
        header = check_names(self.schema.names, options.leave_out)
        self._fields = dict(zip(header, self.schema, strict=True))
        self._names = offered(header, options)
        if max(sizes, default=0) > MAX_ROW_GROUP or sum(sizes) > limit:
            message = (
                f"It unfolds to {sum(sizes) / 2**30:.3g} GiB; at most {limit / 2**30:.4g} GiB "
                "(max_batch_gib), in row groups of at most 2 GiB, are read."
            )
            raise BadBatch(Problem("size", None, message))

    def names(self) -> tuple[str, ...]:
        return self._names

    def infer(self) -> dict[str, str]:
        self._check_types(self._names)
        options = self._options
        told = [name for name in self._names if name in options.columns or name in options.derive]
        kinds = {name: kind_of(field.type) or "string" for name, field in self._fields.items()}
        kinds |= infer_kinds(self.batches(), told, options)
        return {name: kinds[name] for name in self._names}

    def fits(self, schema: pa.Schema) -> bool:
        """Return whether the file already has this schema's names, order and types."""
        if self._options.columns or self._options.derive:
            return False
        # The order counts too: the file itself is then what the table is written from.
        ours = [(field.name, field.type) for field in schema]
        return ours == [(field.name, SAME.get(field.type, field.type)) for field in self.schema]

    def scan(self, schema: pa.Schema) -> dict[str, int] | None:
        """Return the nulls of each column, in one fast scan of a file that has this schema.

        None where a value needs a closer look: NaN, an infinite number, a long text, a far year.
        """
        numbers = [field.name for field in schema if kind_of(field.type) == "number"]
        texts = [field.name for field in schema if kind_of(field.type) == "string"]
        dates = {field.name: CALENDAR.get(kind_of(field.type) or "") for field in schema}
        sizes = pl.col(texts).str.len_bytes().cast(pl.UInt64)  # a sum of 32 bits starts again
        far = (
            (~pl.col(name).to_physical().is_between(*ends)).any().alias(f"far {name}")
            for name, ends in dates.items()
            if ends is not None
        )
        rows = pl.scan_parquet(self.path).select(
            pl.col(schema.names).null_count().name.prefix("nulls "),
            (~pl.col(numbers).is_finite()).any().name.prefix("odd "),
            sizes.max().name.prefix("longest "),
            sizes.sum().name.prefix("bytes "),
            *far,
        )
        found = _guarded(lambda: rows.collect(engine="streaming").row(0, named=True))
        held = sum(found[f"bytes {name}"] for name in texts)
        # Eight bytes a cell, and the texts: no less than the rows take in memory.
        self._bounded(held + 8 * self.rows * len(schema))
        odd = [found[name] for name in found if name.startswith(("odd ", "far "))]
        if sum(found[f"longest {name}"] or 0 for name in texts) > WIDE or any(odd):
            return None
        return {name: int(found[f"nulls {name}"]) for name in schema.names}

    def pieces(self, schema: pa.Schema) -> Iterator[Piece]:
        self._check_types(schema.names)
        for batch in self._read(self._parts(schema.names)):
            yield shape_piece(batch, schema, self._options)

    def batches(self) -> Iterator[pa.RecordBatch]:
        yield from self._read(self._parts(self._names))

    def _read(self, wanted: dict[str, str]) -> Iterator[pa.RecordBatch]:
        unfolded = done = 0
        rows = self._fitting_rows(wanted)
        with self._opened() as file:
            for came in _reading(file.iter_batches(batch_size=rows, columns=list(wanted))):
                # The sizes in the footer are the sender's word: what really comes is counted.
                unfolded += came.nbytes
                self._bounded(unfolded)
                batch = came.rename_columns([wanted[name] for name in came.schema.names])
                _check_texts(batch, done)
                done += batch.num_rows
                yield batch

    def _fitting_rows(self, wanted: Iterable[str]) -> int:
        """Return how many rows are read at once, so that their texts fit into memory.

        A dictionary holds a text once, and Arrow unfolds it in every row: a small file could hold
        100 GiB of one.
        """
        texts = [name for name in wanted if kind_of(self.schema.field(name).type) == "string"]
        if not texts:
            return ROWS
        sizes = pl.col(texts).cast(pl.String).str.len_bytes().cast(pl.UInt64)
        longest, held = sizes.max().name.prefix("longest "), sizes.sum().name.prefix("bytes ")
        measured = pl.scan_parquet(self.path).select(longest, held)
        try:
            # Polars points at a text of a dictionary, and copies none.
            found = measured.collect(engine="streaming").row(0, named=True)
        # What is no UTF-8 is told by its rows; until then few are read at once.
        except pl.exceptions.PolarsError:
            return UNMEASURED
        self._bounded(sum(found[f"bytes {name}"] or 0 for name in texts))
        widest = sum(found[f"longest {name}"] or 0 for name in texts)
        return max(1, min(ROWS, PIECE_BYTES // max(1, widest)))

    def _parts(self, names: Sequence[str]) -> dict[str, str]:
        """Return the columns to read for these names, by the file's own spelling."""
        derive = self._options.derive
        parts = {part for name in names for part in (derive[name].of if name in derive else [name])}
        return {field.name: name for name, field in self._fields.items() if name in parts}

    def unusable(self, names: Sequence[str] | None = None) -> dict[str, str]:
        """Return the types that no table of ours can hold, by column."""
        return {
            name: str(field.type)[:40]
            for name, field in self._fields.items()
            if name in (names or self._names)
            and name not in self._options.derive
            and kind_of(field.type) is None
            and not pa.types.is_null(field.type)
        }

    def _check_types(self, names: Sequence[str]) -> None:
        wrong = self.unusable(names)
        if wrong:
            told = ", ".join(f"{name[:80]} ({type_})" for name, type_ in wrong.items())
            remedy = json.dumps(list(wrong), ensure_ascii=False)
            message = f"A table cannot hold {told}. Leave them out: source.leave_out: {remedy}."
            raise BadBatch(Problem("kind", next(iter(wrong)) if len(wrong) == 1 else None, message))

    def _bounded(self, size: int) -> None:
        if size > self._limit:
            message = f"It unfolds past {self._limit / 2**30:.4g} GiB (max_batch_gib)."
            raise BadBatch(Problem("size", None, message))

    def _opened(self) -> Any:
        # Buffering ahead would hold whole row groups, which the sender chose the size of.
        return _guarded(lambda: pyarrow.parquet.ParquetFile(self.path, pre_buffer=False))


def _reading(batches: Iterator[Any]) -> Iterator[Any]:
    while True:
        batch = _guarded(lambda: next(batches, None))
        if batch is None:
            return
        yield batch


def _check_texts(batch: Any, done: int) -> None:
    # Arrow reads texts that are not UTF-8, and fails where one is first used.
    for field in batch.schema:
        column = batch.column(field.name)
        if kind_of(field.type) != "string" or _is_valid(column):
            continue
        places = [place for place in range(len(column)) if not _is_valid(column.slice(place, 1))]
        count = count_text(len(places), "value is", "values are")
        message = f"{count} not UTF-8. Write the file as UTF-8 text."
        rows = tuple(done + place + 1 for place in places[:FEW])
        raise BadBatch(Problem("encoding", field.name, message, rows))


def _is_valid(column: Any) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _guarded(read: Any) -> Any:
    try:
        return read()
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, ValueError) as error:
        message = "The Parquet file is damaged, cut short or encrypted."
        raise BadBatch(Problem("Parquet", None, message)) from error
