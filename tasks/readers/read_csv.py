"""CSV files, plain or gzipped: every row has the header's fields, every value its type."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from tasks.letters import compose
from tasks.policy.reading import count_text
from tasks.readers.infer import infer_kinds
from tasks.readers.options import PLAIN, SourceOptions
from tasks.readers.problem import FEW, Problem
from tasks.readers.source import (
    MIB,
    BadBatch,
    Piece,
    check_names,
    doubt_header,
    offered,
    shape_piece,
)
from tasks.readers.stream import BOM, NOT_UTF8, TextStream

BLOCK = 16 * MIB  # Arrow holds one block, and no row may be longer than one

DELIMITERS = {"commas": ",", "semicolons": ";", "tabs": "\t", "bars": "|"}


class CsvSource:
    """A CSV file with a line of names, or with names in the options, parted and quoted by those."""

    def __init__(self, path: Path, limit: int, options: SourceOptions = PLAIN) -> None:
        self._path = path
        self._limit = limit
        self._options = options
        self._before, self._quotes, self._headless = options.skip_lines, 0, False
        self.header = self._read_header()
        self._names = offered(self.header, options)

    def names(self) -> tuple[str, ...]:
        return self._names

    def infer(self) -> dict[str, str]:
        return infer_kinds(self.batches(), self._names, self._options)

    def pieces(self, schema: pa.Schema) -> Iterator[Piece]:
        for batch in self.batches():
            # All of it came as text: that a column reads as another type is nothing to tell.
            yield replace(shape_piece(batch, schema, self._options), retyped={})

    def batches(self) -> Iterator[pa.RecordBatch]:
        # Without a line of names, the first line behind those to skip is a row.
        skipped = self._before + (not self._headless)
        ragged = _Ragged(skipped, "source.names" if self._headless else "the header")
        # Named by position, for the options may leave out names that are no names.
        places = [str(place) for place in range(len(self.header))]
        wanted = self._wanted()
        with self._opened() as stream:
            try:
                reader = pyarrow.csv.open_csv(
                    pa.PythonFile(stream, mode="r"),
                    # With threads, pyarrow 25 gives a bad row no number.
                    read_options=pyarrow.csv.ReadOptions(
                        block_size=BLOCK,
                        use_threads=False,
                        column_names=places,
                        skip_rows=skipped,
                    ),
                    parse_options=pyarrow.csv.ParseOptions(
                        delimiter=self._options.delimiter,
                        quote_char=self._options.quote or False,
                        newlines_in_values=True,
                        invalid_row_handler=ragged.see,
                    ),
                    # As text, for pyarrow would infer the types from the first block alone.
                    convert_options=pyarrow.csv.ConvertOptions(
                        column_types=dict.fromkeys(places, pa.string()),
                        include_columns=list(wanted),
                        strings_can_be_null=True,
                        null_values=[""],
                    ),
                )
                for batch in reader:
                    yield batch.rename_columns(list(wanted.values()))
            except (pa.ArrowException, BadBatch, ValueError) as error:
                if stream.problem is not None:
                    raise BadBatch(stream.problem) from error
                # It has a header, maybe without a line end, and no rows.
                if "Empty CSV file" in str(error) or "skip initial" in str(error):
                    return
                raise BadBatch(*ragged.problems(), _parse_problem(error)) from error
            problems = ragged.problems()
            if self._options.quote and (stream.quotes - self._quotes) % 2:
                problems += (Problem("quotes", None, "A quote is opened and never closed."),)
        if problems:
            raise BadBatch(*problems)

    def _wanted(self) -> dict[str, str]:
        """Return the columns that are read, by position: the kept ones, and parts of derived."""
        parts = {part for derived in self._options.derive.values() for part in derived.of}
        return {
            str(place): name
            for place, name in enumerate(self.header)
            if name not in self._options.leave_out or name in parts
        }

    def _opened(self) -> TextStream:
        options = self._options
        return TextStream(self._path, self._limit, options.encoding, options.quote.encode())

    def _read_header(self) -> tuple[str, ...]:
        with self._opened() as stream:
            start = stream.read(MIB).removeprefix(BOM)
        if not start.strip():
            raise BadBatch(Problem("empty", None, "The file has no header and no rows."))
        lines = start.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        # Blank lines before the header are lines to skip, too.
        while self._before < len(lines) and not lines[self._before].strip():
            self._before += 1
        if self._before >= len(lines) - 1 and len(start) >= MIB - len(BOM):
            raise BadBatch(Problem("width", None, "The first line is longer than 1 MiB."))
        if self._before >= len(lines):
            count = count_text(len(lines), "line", "lines")
            message = f"source.skip_lines leaves out all there is: {count}."
            raise BadBatch(Problem("empty", None, message))
        quote = self._options.quote.encode()
        if quote:
            self._quotes = sum(line.count(quote) for line in lines[: self._before])
        # A file of labels, or of rows to score, has other columns, and says so by a line of names.
        said = self._options.names
        if said and not self._holds_names(lines[self._before]):
            self._headless = True
            return check_names(said, self._options.leave_out)
        names = self._split(lines[self._before])
        self._check_delimiter(names, lines[self._before])
        # R writes row names, and no name for them: a header that is short by that one
        if "" in self._options.leave_out and self._is_short(names, lines[self._before + 1 :]):
            names = ["", *names]
        return check_names(names, self._options.leave_out, doubt_header(names))

    def _is_short(self, names: list[str], rows: list[bytes]) -> bool:
        first = next((row for row in rows if row.strip()), b"")
        try:
            return "" not in names and len(self._split(first)) == len(names) + 1
        except BadBatch:  # the row goes on over the end of its line
            return False

    def _holds_names(self, line: bytes) -> bool:
        try:
            fields = self._split(line)
        except BadBatch:  # a row may go on over the end of its line
            return False
        names = {compose(field.strip(f"{self._options.quote} ")) for field in fields}
        return names <= {*self._options.names}

    def _split(self, line: bytes) -> list[str]:
        try:
            reader = csv.reader(
                [line.decode()],
                delimiter=self._options.delimiter,
                quotechar=self._options.quote or None,
                quoting=csv.QUOTE_MINIMAL if self._options.quote else csv.QUOTE_NONE,
                strict=True,
            )
            return next(reader, [])
        except UnicodeDecodeError as error:
            # The stream checks whole letters: the file may end inside one, in its first line.
            raise BadBatch(Problem("encoding", None, NOT_UTF8.format(line=1))) from error
        except csv.Error as error:
            message = "A quote is not where a field ends. See source.delimiter and source.quote."
            quote = (self._options.quote or '"').encode()
            if line.count(quote) % 2:
                message = (
                    "The header goes on over the end of its line: write each name on one line."
                )
            raise BadBatch(Problem("header", None, message)) from error

    def _check_delimiter(self, names: list[str], line: bytes) -> None:
        others = {name: line.count(mark.encode()) for name, mark in DELIMITERS.items()}
        likely = max(others, key=lambda name: others[name])
        if len(names) == 1 and others[likely] and DELIMITERS[likely] != self._options.delimiter:
            message = (
                f"The header is one field, with {others[likely]} {likely} in it. "
                f"Set source.delimiter: {json.dumps(DELIMITERS[likely])}."
            )
            raise BadBatch(Problem("delimiter", None, message))


class _Ragged:
    def __init__(self, before: int, names: str) -> None:
        self._before = before  # lines before the first row, which pyarrow counts too
        self._names = names
        self.count = 0
        self.rows: list[int] = []
        self.shape = ""

    def see(self, row: Any) -> str:
        self.count += 1
        # pyarrow numbers rows from the header on, and only where it reads with one thread.
        if len(self.rows) < FEW:
            self.rows += [row.number - self._before] if row.number else []
        self.shape = self.shape or f"{row.actual_columns} instead of {row.expected_columns}"
        return "skip"

    def problems(self) -> tuple[Problem, ...]:
        if not self.count:
            return ()
        count = count_text(self.count, "row has", "rows have")
        message = f"{count} another count of fields than {self._names}: {self.shape}."
        if self.shape.endswith(" of 1"):
            message += " If lines stand before the header, set source.skip_lines."
        return (Problem("ragged rows", None, message, tuple(self.rows)),)


def _parse_problem(error: Exception) -> Problem:
    """Say why a file cannot be cut into rows, without the text that pyarrow may quote."""
    text = str(error)
    if "straddl" in text:
        message = f"A row is longer than {BLOCK // MIB} MiB, or a quote is never closed."
        return Problem("width", None, message)
    if "UTF8" in text:
        return Problem("encoding", None, "A value is not UTF-8. Save the file as UTF-8.")
    return Problem("CSV", None, "The file cannot be cut into rows: a quote may not be closed.")
