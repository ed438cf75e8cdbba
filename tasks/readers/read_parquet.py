"""Parquet files, read batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from tasks.readers.kinds import kind_of
from tasks.readers.problem import FEW, Problem
from tasks.readers.source import MAX_FIELD, MIB, BadBatch, Piece, check_names, shape_piece

ROWS = 131_072  # rows of one piece
MAX_ROW_GROUP = 2048 * MIB
# The table stores one kind of text.
PLAIN = {pa.large_string(): pa.string(), pa.string_view(): pa.string()}


class ParquetSource:
    """A Parquet file of flat columns."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._limit = limit
        with self._opened() as file:
            self.schema = file.schema_arrow
            metadata = file.metadata
            sizes = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
            self.rows = metadata.num_rows
        self._names = check_names(self.schema.names)
        if max(sizes, default=0) > MAX_ROW_GROUP or sum(sizes) > limit:
            message = (
                f"It unfolds to {sum(sizes) / 2**30:.3g} GiB; at most {limit / 2**30:.4g} GiB "
                "(max_batch_gib), in row groups of at most 2 GiB, are read."
            )
            raise BadBatch(Problem("size", None, message))

    def names(self) -> tuple[str, ...]:
        return self._names

    def infer(self) -> dict[str, str]:
        kinds = {
            field.name: "string" if pa.types.is_null(field.type) else kind_of(field.type)
            for field in self.schema
        }
        wrong = [
            Problem("kind", field.name, f"A column cannot hold {str(field.type)[:80]}.")
            for field in self.schema
            if kinds[field.name] is None
        ]
        if wrong:
            raise BadBatch(*wrong[:20])
        return {name: kind for name, kind in kinds.items() if kind is not None}

    def fits(self, schema: pa.Schema) -> bool:
        """Return whether the file already has this schema's names, order and types."""
        # The order counts too: the file itself is then what the table is written from.
        ours = [(field.name, field.type) for field in schema]
        return ours == [(field.name, PLAIN.get(field.type, field.type)) for field in self.schema]

    def scan(self, schema: pa.Schema) -> dict[str, int] | None:
        """Return the nulls of each column, in one fast scan of a file that has this schema.

        None where a value needs a closer look: NaN, an infinite number, or a very long text.
        """
        numbers = [field.name for field in schema if kind_of(field.type) == "number"]
        texts = [field.name for field in schema if kind_of(field.type) == "string"]
        sizes = pl.col(texts).str.len_bytes()
        rows = pl.scan_parquet(self.path).select(
            pl.col(schema.names).null_count().name.prefix("nulls "),
            (~pl.col(numbers).is_finite()).any().name.prefix("odd "),
            sizes.max().name.prefix("longest "),
            sizes.sum().name.prefix("bytes "),
        )
        found = _guarded(lambda: rows.collect(engine="streaming").row(0, named=True))
        held = sum(found[f"bytes {name}"] for name in texts)
        # Eight bytes a cell, and the texts: no less than the rows take in memory.
        self._bounded(held + 8 * self.rows * len(schema))
        longest = max((found[f"longest {name}"] or 0 for name in texts), default=0)
        if longest > MAX_FIELD or any(found[f"odd {name}"] for name in numbers):
            return None
        return {name: int(found[f"nulls {name}"]) for name in schema.names}

    def pieces(self, schema: pa.Schema) -> Iterator[Piece]:
        wanted = [name for name in schema.names if name in self._names]
        unfolded = done = 0
        with self._opened() as file:
            for batch in _reading(file.iter_batches(batch_size=ROWS, columns=wanted)):
                # The sizes in the footer are the sender's word: what really comes is counted.
                unfolded += batch.nbytes
                self._bounded(unfolded)
                _check_texts(batch, done)
                done += batch.num_rows
                yield shape_piece(batch, schema)

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
        message = f"{len(places):,} values are not UTF-8. Write the file as UTF-8 text."
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
