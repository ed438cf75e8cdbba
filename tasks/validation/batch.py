"""Reading, judging and cleaning one downloaded object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from expectations.suite import Suite
from tasks.config import Pipeline
from tasks.readers.formats import open_source, tell_format
from tasks.readers.frames import find_places
from tasks.readers.kinds import schema_of
from tasks.readers.problem import Problem
from tasks.readers.source import BadBatch, Source
from tasks.readers.typed import Typed, write_typed
from tasks.validation.cleaning import KnownKeys, find_dropped, write_kept
from tasks.validation.contract import agreed_schema, name_problems, required_columns
from tasks.validation.evaluate import evaluate
from tasks.validation.plan import plan
from tasks.validation.report import Cleaning, Report


@dataclass(frozen=True)
class Examination:
    """What was found in a batch, and the rows to keep (Parquet, in the final types).

    `typed` are all rows as they came, before any was dropped; both are None for a refused one.
    `contract` are the columns that the table had.
    """

    report: Report
    rows: Path | None = None
    typed: Path | None = None
    contract: pa.Schema | None = None


@dataclass(frozen=True)
class Examiner:
    """Examines batches of one pipeline in bounded memory, whatever their size.

    `contract` are the curated table's own columns, `known_keys` tells which keys it holds: both
    are None before the first batch. `workdir` takes at most twice the unfolded size, `say` a line
    of progress.
    """

    pipeline: Pipeline
    suite: Suite
    contract: pa.Schema | None
    known_keys: KnownKeys | None
    workdir: Path
    say: Callable[[str], None]

    def examine(self, path: Path, name: str, batch: str) -> Examination:
        """Read the object strictly, judge it by the suite, and clean what is accepted.

        `name` is its key, whose ending tells the format; `batch` the SHA-256 of its bytes.

        Raises:
            ConfigurationError: the suite does not fit the pipeline or the columns.
        """
        kind = tell_format(name) or "unknown format"
        report = Report(self.pipeline.name, name, batch, path.stat().st_size, kind)
        self.say("reading")
        try:
            typed, schema = self._read(path, name)
        except BadBatch as bad:
            return Examination(replace(report, problems=bad.problems))
        report = replace(report, rows=typed.rows, columns=len(schema))
        problems = (*typed.problems, *_value_problems(typed, self.pipeline))
        if problems:
            return Examination(replace(report, problems=problems))
        self.say(f"judging {typed.rows:,} rows by {len(self.suite.expectations)} expectations")
        personal, where = self.pipeline.data.personal, self.pipeline.suite
        checks = evaluate(typed.path, schema, typed.rows, self.suite, personal, where)
        report = replace(report, checks=checks)
        if any(check.refuses for check in checks):
            return Examination(report)
        self.say("cleaning")
        return self.clean(typed.path, report, typed.retyped)

    def clean(self, typed: Path, report: Report, retyped: tuple[str, ...]) -> Examination:
        """Drop what cleaning drops from rows that the suite accepts, and complete their report.

        `typed` are all rows in the contract's types, Parquet; `retyped` the columns that came as
        another type, in words.
        """
        dropped, cleaning, problems = find_dropped(typed, self.pipeline, self.known_keys, retyped)
        if problems:
            report = replace(report, accepted=False, problems=problems, kept=0)
            return Examination(replace(report, cleaning=Cleaning()))
        rows = write_kept(typed, dropped, self.workdir / "kept.parquet")
        kept = report.rows - int(dropped.sum())
        report = replace(report, accepted=True, problems=(), cleaning=cleaning, kept=kept)
        return Examination(report, rows, typed, self.contract)

    def _read(self, path: Path, name: str) -> tuple[Typed, pa.Schema]:
        schema = agreed_schema(self.pipeline, self.suite, self.contract)
        # Before the file is read: a suite that does not fit is no fault of the batch.
        if schema is not None:
            self._check_suite(schema)
        source = open_source(
            path, name, int(self.pipeline.data.max_batch_gib * 2**30), self.pipeline.source
        )
        names = source.names()
        if not names:
            raise BadBatch(Problem("rows", None, "The file has no rows."))
        problems = name_problems(names, schema, self.pipeline)
        if problems:
            raise BadBatch(*problems)
        if schema is None:
            schema = schema_of(_inferred(source, self.pipeline))
            self._check_suite(schema)
        typed = write_typed(source, schema, self.workdir / "typed.parquet", self.say)
        if typed.rows == 0:
            raise BadBatch(Problem("rows", None, "The file has a header and no rows."))
        return typed, schema

    def _check_suite(self, schema: pa.Schema) -> None:
        for expectation in self.suite.expectations:
            plan(expectation, schema, self.pipeline.suite)


def _inferred(source: Source, pipeline: Pipeline) -> dict[str, str]:
    kinds = source.infer()
    time = pipeline.event_time
    if kinds and time is not None and kinds.get(time) != "date":
        kinds[time] = "timestamp"
    # The columns are settled by this batch for good: the target is one, also where it comes late.
    if kinds and pipeline.target not in kinds:
        kinds[pipeline.target] = "integer" if pipeline.task == "binary" else "number"
    return kinds


def _value_problems(typed: Typed, pipeline: Pipeline) -> list[Problem]:
    problems = []
    said = {problem.column for problem in typed.problems}
    for name in required_columns(pipeline):
        if name in said:
            continue
        nulls = typed.nulls.get(name, 0)
        if nulls == typed.rows:
            problems.append(Problem("required column", name, "No row has a value."))
        elif nulls and name in pipeline.placed_by:
            needs = "its key and its event time" if pipeline.event_time else "its key"
            message = f"{nulls:,} rows have no value; each row needs {needs}."
            rows = tuple(place + 1 for place in find_places(typed.path, name, pc.is_null))
            problems.append(Problem("required value", name, message, rows))
    return problems
