"""CSV files, plain or gzipped: every row has the header's fields, every value its type."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from tasks.readers.infer import TextKind
from tasks.readers.problem import FEW, Problem
from tasks.readers.source import MIB, BadBatch, Piece, check_names, shape_piece
from tasks.readers.stream import BOM, NOT_UTF8, TextStream

BLOCK = 16 * MIB  # Arrow holds one block, and no row may be longer than one


class CsvSource:
    """A CSV file with one header line; fields are separated by commas, quoted by `"`."""

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._names = self._header()

    def names(self) -> tuple[str, ...]:
        return self._names

    def infer(self) -> dict[str, str]:
        kinds = {name: TextKind() for name in self._names}
        for batch in self._batches():
            for name, kind in kinds.items():
                kind.see(batch.column(name))
        return {name: kind.kind for name, kind in kinds.items()}

    def pieces(self, schema: pa.Schema) -> Iterator[Piece]:
        for batch in self._batches():
            # All of it came as text: that a column reads as another type is nothing to tell.
            yield replace(shape_piece(batch, schema), retyped={})

    def _header(self) -> tuple[str, ...]:
        with TextStream(self._path, self._limit) as stream:
            start = stream.read(MIB).removeprefix(BOM)
        if not start.strip():
            raise BadBatch(Problem("empty", None, "The file has no header and no rows."))
        line, found, _ = start.replace(b"\r", b"\n").partition(b"\n")
        if not found and len(start) >= MIB - len(BOM):
            raise BadBatch(Problem("width", None, "The first line is longer than 1 MiB."))
        try:
            names = next(csv.reader([line.decode()], strict=True), [])
        except UnicodeDecodeError as error:
            # The stream checks whole letters: the file may end inside one, in its first line.
            raise BadBatch(Problem("encoding", None, NOT_UTF8.format(line=1))) from error
        except csv.Error as error:
            raise BadBatch(Problem("header", None, f"It cannot be read: {error}.")) from error
        return check_names(names)

    def _batches(self) -> Iterator[Any]:
        ragged = _Ragged()
        text = dict.fromkeys(self._names, pa.string())
        with TextStream(self._path, self._limit) as stream:
            try:
                reader = pyarrow.csv.open_csv(
                    pa.PythonFile(stream, mode="r"),
                    # With threads, pyarrow 25 gives a bad row no number.
                    read_options=pyarrow.csv.ReadOptions(block_size=BLOCK, use_threads=False),
                    parse_options=pyarrow.csv.ParseOptions(
                        newlines_in_values=True, invalid_row_handler=ragged.see
                    ),
                    # As text, for pyarrow would infer the types from the first block alone.
                    convert_options=pyarrow.csv.ConvertOptions(
                        column_types=text, strings_can_be_null=True, null_values=[""]
                    ),
                )
                yield from reader
            except (pa.ArrowException, BadBatch, ValueError) as error:
                if stream.problem is not None:
                    raise BadBatch(stream.problem) from error
                if "Empty CSV file" in str(error):  # it has a header and no rows
                    return
                raise BadBatch(*ragged.problems(), _parse_problem(error)) from error
            problems = ragged.problems()
            if stream.quotes % 2:
                problems += (Problem("quotes", None, "A quote is opened and never closed."),)
        if problems:
            raise BadBatch(*problems)


class _Ragged:
    def __init__(self) -> None:
        self.count = 0
        self.rows: list[int] = []
        self.shape = ""

    def see(self, row: Any) -> str:
        self.count += 1
        # pyarrow numbers rows from the header on, and only where it reads with one thread.
        if len(self.rows) < FEW:
            self.rows += [row.number - 1] if row.number else []
        self.shape = self.shape or f"{row.actual_columns} instead of {row.expected_columns}"
        return "skip"

    def problems(self) -> tuple[Problem, ...]:
        if not self.count:
            return ()
        message = f"{self.count:,} rows have another count of fields than the header"
        return (Problem("ragged rows", None, f"{message}: {self.shape}.", tuple(self.rows)),)


def _parse_problem(error: Exception) -> Problem:
    """Say why a file cannot be cut into rows, without the text that pyarrow may quote."""
    text = str(error)
    if "straddl" in text:
        message = f"A row is longer than {BLOCK // MIB} MiB, or a quote is never closed."
        return Problem("width", None, message)
    if "UTF8" in text:
        return Problem("encoding", None, "A value is not UTF-8. Save the file as UTF-8.")
    return Problem("CSV", None, "The file cannot be cut into rows: a quote may not be closed.")
