"""Some rows of a scoring, from what was read to what is written. Pure but for the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.arrays import Array
from tasks.config import Pipeline
from tasks.config.choices import PROBABILITY
from tasks.features.history import add_history
from tasks.letters import compose
from tasks.promotion.manifest import Manifest
from tasks.scoring.judgement import Labelled
from tasks.scoring.run import Scoring
from tasks.scoring.thinning import Thinned

ROW = "_row"


@dataclass(frozen=True)
class Chunk:
    """Rows of one part; the first of them is at place `first` of the source."""

    part: int
    first: int
    table: pa.Table


@dataclass(frozen=True)
class ScoredChunk:
    """What came of a chunk: the rows to write, and what is needed to judge them."""

    part: int
    table: pa.Table
    labelled: Thinned


@dataclass
class Chunker:
    """Cuts what is read into chunks; `rows` were read so far."""

    rows: int = 0

    def cut(self, tables: Iterator[pa.Table], part_rows: int, taken: int) -> Iterator[Chunk]:
        """Cut tables where a part ends, and yield what lies behind the first `taken` parts.

        >>> tables = iter([pa.table({"a": [1, 2, 3]}), pa.table({"a": [4]})])
        >>> chunker = Chunker()
        >>> [(chunk.part, chunk.first, chunk.table["a"].to_pylist())
        ...  for chunk in chunker.cut(tables, 2, 1)]
        [(1, 2, [3]), (1, 3, [4])]
        >>> chunker.rows
        4
        """
        for table in tables:
            start = 0
            while start < table.num_rows:
                part, inside = divmod(self.rows, part_rows)
                chunk = table.slice(start, min(part_rows - inside, table.num_rows - start))
                start += chunk.num_rows
                self.rows += chunk.num_rows
                # what an earlier start scored is read all the same: only so are its rows counted
                if part >= taken:
                    yield Chunk(part, self.rows - chunk.num_rows, chunk)


def score_chunk(scoring: Scoring, chunk: Chunk) -> ScoredChunk:
    """Prepare, predict, and arrange what is written; in a table, `_row` says where a row was.

    Raises:
        DataError: a value does not fit.
        IntegrityError: the answers are not those of the runtime that serves.
    """
    model, pipeline = scoring.model, scoring.workspace.pipeline
    # with one block for all numbers, pandas would copy every column
    frame = chunk.table.to_pandas(date_as_object=False, split_blocks=True)
    if scoring.known is not None and model.schema.history is not None:
        frame = add_history(frame, model.schema.history, scoring.known)
    # the first chunk of each part is held against the runtime that serves
    compared = chunk.first % scoring.pin.rows == 0
    answers = model.predict_many(frame, compared=compared)
    made = _arrange(model.manifest, pipeline, chunk.table, answers)
    # a Parquet file has an order of its own, a Delta table has none
    if scoring.to_table:
        made = made.append_column(ROW, pa.array(np.arange(len(frame)) + chunk.first))
    none = Labelled.empty(model.manifest, pipeline, scoring.identity)
    return ScoredChunk(chunk.part, made, Thinned.of(none, frame, answers, chunk.first))


def name_probabilities(classes: Sequence[Any]) -> list[str]:
    """Return a column for each class, each of its own also where case makes no other column.

    >>> name_probabilities(["yes", "Yes", 1])
    ['probability_yes', 'probability_Yes (2)', 'probability_1']
    """
    made: list[str] = []
    for label in classes:
        plain = name = compose(f"{PROBABILITY}{label}")
        count = 2
        while name.casefold() in {other.casefold() for other in made}:
            name, count = f"{plain} ({count})", count + 1
        made.append(name)
    return made


def _arrange(manifest: Manifest, pipeline: Pipeline, table: pa.Table, answers: Array) -> pa.Table:
    """Return key, event time, prediction, a probability per class, and the version, row by row."""
    kept = [name for name in pipeline.placed_by if name in table.column_names]
    columns = {name: table[name] for name in kept}
    if manifest.classes:
        labels = pa.array(list(manifest.classes))
        columns["prediction"] = labels.take(pa.array(answers.argmax(axis=1)))
        for place, name in enumerate(name_probabilities(manifest.classes)):
            columns[name] = pa.array(np.ascontiguousarray(answers[:, place]))
    else:
        columns["prediction"] = pa.array(answers)
    columns["model_version"] = pa.array(np.full(table.num_rows, manifest.version))
    return pa.table(columns)
