"""What a file that nobody described yet holds: its dialect, and what each column is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pyarrow as pa

from tasks.readers.column import ColumnTally
from tasks.readers.column_study import SPOKEN, ColumnStudy, describe_reading, judge_column
from tasks.readers.dialect import find_dialect
from tasks.readers.formats import open_source, tell_format
from tasks.readers.options import PLAIN, Reading, SourceOptions
from tasks.readers.parts import find_parts
from tasks.readers.points import settle_points
from tasks.readers.problem import Problem
from tasks.readers.questions import Question, ask, ask_names
from tasks.readers.read_csv import CsvSource
from tasks.readers.read_jsonl import JsonLinesSource
from tasks.readers.read_parquet import ParquetSource
from tasks.readers.reading import as_texts, derive, kind_read
from tasks.readers.source import BadBatch, Source

__all__ = ["ColumnStudy", "Question", "Study", "study"]

HASHES = 30_000_000  # 64 bits each, of all columns together: 240 MB
SAID = 1_000_000  # rows between two lines of progress
INDEX = ("", "__index_level_0__")  # how an index without a name is called by pandas


@dataclass(frozen=True)
class Study:
    """A whole file: how to read it, what it holds, what was decided and what is to be asked."""

    options: SourceOptions
    rows: int
    columns: dict[str, ColumnStudy]
    notes: tuple[str, ...]
    questions: tuple[Question, ...]

    def reread(self, name: str, column: ColumnStudy, note: str) -> Study:
        """Return the study with a column read as this one says, and a note of it."""
        readings = {**self.options.columns, name: column.reading}
        return replace(
            self,
            options=self.options.model_copy(update={"columns": readings}),
            columns={**self.columns, name: column},
            notes=(*self.notes, note),
        )


def study(
    path: Path, name: str, limit: int, say: Callable[[str], None], given: SourceOptions = PLAIN
) -> Study:
    """Read a whole file in bounded memory and say what it holds; `limit` in unfolded bytes.

    `name` tells the format; what `given` says of the file is not looked for.

    Raises:
        BadBatch: it cannot be read, or has no rows.
    """
    options, notes, questions = _dialect(path, name, limit, given)
    # Each column is looked at as it is written, also where a reading is given.
    source = open_source(path, name, limit, options.model_copy(update={"columns": {}}))
    tallies, rows = _tallied(source, options, say)
    if not rows:
        raise BadBatch(Problem("rows", None, "The file has no rows."))
    if isinstance(source, CsvSource) and "names" not in given.model_fields_set:
        levels = {column: tally.levels for column, tally in tallies.items()}
        questions += ask_names([*filter(None, source.header)], levels)
    typed = source.infer() if isinstance(source, ParquetSource) else {}
    types = source.types if isinstance(source, JsonLinesSource) else {}

    def judge(column: str, said: Reading | None) -> ColumnStudy:
        came = frozenset(types.get(column, ()))
        return judge_column(column, tallies[column], typed.get(column), came, said)

    columns = {column: judge(column, given.columns.get(column)) for column in tallies}
    written = {c for c in columns if typed.get(c, "string") == "string"}
    proofs = settle_points(columns, {c for c in written if types.get(c, set()) <= SPOKEN})
    columns |= {column: judge(column, form) for column, (form, _) in proofs.items()}
    readings = dict(given.columns)
    for column, judged in columns.items():
        if judged.reading is not None and judged.reading != given.columns.get(column):
            readings[column] = judged.reading
            notes.append(describe_reading(judged) + "".join(proofs.get(column, ())[1:]))
        questions += ask(judged)
    made = dict(given.derive)
    parts = None if made else find_parts(columns)
    if parts is not None:
        column, derived, judged = parts
        columns[column], made[column] = judged, derived
        notes.append(f"{column}: made of {', '.join(derived.of)}")
    options = options.model_copy(update={"columns": readings, "derive": made})
    return Study(options, rows, columns, tuple(notes), tuple(questions))


def _dialect(
    path: Path, name: str, limit: int, given: SourceOptions
) -> tuple[SourceOptions, list[str], list[Question]]:
    options, notes, questions = given, [], []
    left: dict[str, str] = {}
    if tell_format(name) == "CSV" and path.stat().st_size:
        dialect = find_dialect(path, given)
        options, notes = dialect.options, list(dialect.notes)
        if dialect.encodings:
            text = f"It is not UTF-8, and reads as {', '.join(dialect.encodings)}."
            questions.append(Question("", text, dialect.encodings))
    lenient = options.model_copy(update={"leave_out": (*options.leave_out, *INDEX)})
    source = open_source(path, name, limit, lenient)
    if isinstance(source, CsvSource):
        places = [str(place) for place, title in enumerate(source.header, 1) if title == ""]
        left = {"": f"column {', '.join(places)} without a name is left out"} if places else {}
    elif isinstance(source, ParquetSource | JsonLinesSource):
        left = {
            column: f"{column[:80]}: {type_} is no type for a table, left out"
            for column, type_ in source.unusable().items()
        }
        if isinstance(source, ParquetSource) and INDEX[1] in source.schema.names:
            left[INDEX[1]] = f"{INDEX[1]}, the index, is left out"
    left = {column: note for column, note in left.items() if column not in given.leave_out}
    options = options.model_copy(update={"leave_out": (*given.leave_out, *left)})
    return options, [*notes, *left.values()], questions


def _tallied(
    source: Source, options: SourceOptions, say: Callable[[str], None]
) -> tuple[dict[str, ColumnTally], int]:
    names = source.names()
    bound = max(50_000, HASHES // max(1, len(names)))
    tallies = {name: ColumnTally(bound) for name in names}
    rows = said = 0
    for batch in source.batches():
        for name, tally in tallies.items():
            reading = options.columns.get(name)
            texts = pl.Series(_texts(batch, name, options), dtype=pl.String)
            if reading is not None and reading.missing:
                texts = texts.set(texts.is_in(list(reading.missing)).fill_null(value=False), None)
            tally.see(texts)
        rows += batch.num_rows
        if rows - said >= SAID:
            said = rows
            say(f"looked at {rows:,} rows")
    return tallies, rows


def _texts(batch: pa.RecordBatch, name: str, options: SourceOptions) -> pa.Array:
    derived = options.derive.get(name)
    if derived is None:
        return as_texts(batch.column(name))
    kind = kind_read(Reading(format=derived.format)) or "timestamp"
    return as_texts(derive([batch.column(part) for part in derived.of], derived, kind)[0])
