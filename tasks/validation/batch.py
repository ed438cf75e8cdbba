"""Reading, judging and cleaning one downloaded object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from expectations.suite import OPEN, Suite
from tasks.config import Pipeline
from tasks.policy.reading import count_text
from tasks.readers.formats import open_source, tell_format
from tasks.readers.frames import find_places
from tasks.readers.kinds import exact, kind_of, kinds_of, schema_of
from tasks.readers.private import conceal
from tasks.readers.problem import Problem
from tasks.readers.reading import say_reading
from tasks.readers.source import BadBatch, Source
from tasks.readers.typed import Typed, write_typed
from tasks.validation.changes import SchemaChanges
from tasks.validation.classes import ClassesFound, count_values, judge_classes
from tasks.validation.cleaning import find_dropped, write_kept
from tasks.validation.contract import (
    MISSING,
    TARGET_LATER,
    UNEXPECTED,
    Agreed,
    agreed_schema,
    name_problems,
    required_columns,
    widen,
)
from tasks.validation.evaluate import evaluate
from tasks.validation.plan import named_columns, plan
from tasks.validation.report import Cleaning, Report


@dataclass(frozen=True)
class Examination:
    """What was found in a batch, and the rows to keep (Parquet, in the final types).

    `typed` are all rows as they came, before any was dropped; both are None for a refused one.
    `contract` are the columns that the table had; `open` those of the batch without any value,
    which are left out of the table until their first one.
    """

    report: Report
    rows: Path | None = None
    typed: Path | None = None
    contract: pa.Schema | None = None
    open: tuple[str, ...] = ()


class OtherColumns(BadBatch):
    """A batch whose columns differ from the contract's, with what a person may accept of that."""

    def __init__(self, changes: SchemaChanges, *problems: Problem) -> None:
        self.changes = changes
        super().__init__(*problems)


@dataclass(frozen=True)
class _Read:
    """A file that was read whole: its rows, their types, and which columns had no value."""

    source: Source
    typed: Typed
    schema: pa.Schema
    open: tuple[str, ...]


@dataclass(frozen=True)
class Examiner:
    """Examines batches of one pipeline in bounded memory, whatever their size.

    `agreed` is what was settled before; `workdir` takes at most twice the unfolded size, `say` a
    line of progress.
    """

    pipeline: Pipeline
    suite: Suite
    agreed: Agreed
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
        report = replace(report, suite=self.pipeline.suite)
        self.say("reading")
        try:
            read = self._read(path, name)
        except BadBatch as bad:
            changes = bad.changes if isinstance(bad, OtherColumns) else SchemaChanges()
            return Examination(replace(report, problems=bad.problems, changes=changes))
        typed, schema = read.typed, read.schema
        report = replace(report, rows=typed.rows, columns=len(schema))
        problems = (*self._told(typed.problems), *_value_problems(typed, self.pipeline))
        if problems:
            changes = self._kind_changes(read, problems)
            return Examination(replace(report, problems=problems, changes=changes))
        expected = count_text(len(self.suite.expectations), "expectation", "expectations")
        self.say(f"judging {count_text(typed.rows, 'row', 'rows')} by {expected}")
        personal, where = self.pipeline.data.personal, self.pipeline.suite
        suite = self._spared(read.source)
        checks = evaluate(typed.path, schema, typed.rows, suite, personal, where)
        report = replace(report, checks=checks)
        if any(check.refuses for check in checks):
            # beside what the suite says of them: which spelling was meant
            classes = self._classes(typed.path)
            return Examination(replace(report, problems=classes.problems))
        self.say("cleaning")
        return self.clean(typed.path, report, typed.retyped, read.open)

    def clean(
        self, typed: Path, report: Report, retyped: tuple[str, ...], still_open: tuple[str, ...]
    ) -> Examination:
        """Drop what cleaning drops from rows that the suite accepts, and complete their report.

        `typed` are all rows in the contract's types, Parquet; `retyped` the columns that came as
        another type, in words; `still_open` those without a value.
        """
        agreed, personal = self.agreed, self.pipeline.data.personal
        dropped, cleaning, problems = find_dropped(typed, self.pipeline, agreed.known, retyped)
        classes = self._classes(typed)
        problems = (*problems, *classes.problems)
        if problems:
            changes = SchemaChanges(classes=classes.acceptable, concealed=classes.concealed)
            report = replace(report, accepted=False, problems=problems, kept=0, changes=changes)
            return Examination(replace(report, cleaning=Cleaning()))
        rows = write_kept(typed, dropped, self.workdir / "kept.parquet")
        known = None if agreed.columns is None else {*agreed.columns.names, *still_open}
        names = pyarrow.parquet.read_schema(typed).names
        report = replace(
            report,
            accepted=True,
            problems=(),
            cleaning=cleaning,
            kept=report.rows - int(dropped.sum()),
            gained=() if known is None else tuple(name for name in names if name not in known),
            appeared=tuple(str(conceal(label, personal)) for label in classes.appeared),
        )
        return Examination(report, rows, typed, agreed.columns, still_open)

    def _read(self, path: Path, name: str) -> _Read:
        agreed, suite, pipeline = self.agreed, self.suite, self.pipeline
        schema = agreed_schema(pipeline, suite, agreed.columns)
        no_value = agreed.open | suite.open
        # Before the file is read: a suite that does not fit is no fault of the batch.
        if schema is not None:
            schema = widen(schema, agreed, suite)
            self._check_suite(_extended(schema, dict.fromkeys(no_value, "string")))
        source = open_source(path, name, pipeline.data.max_bytes, pipeline.source)
        names = source.names()
        if not names:
            raise BadBatch(Problem("rows", None, "The file has no rows."))
        problems = name_problems(names, schema, pipeline, suite, agreed)
        if problems:
            raise OtherColumns(self._name_changes(source, problems), *problems)
        if schema is None:
            kinds, loose = _inferred(source, pipeline), frozenset(names)
            schema = schema_of(kinds)
            self._check_suite(schema)
        else:
            extra = [name for name in names if name not in schema.names]
            said = {name: (suite.columns or {}).get(name, OPEN) for name in extra}
            loose = frozenset(name for name, kind in said.items() if kind == OPEN) | no_value
            inferred = source.infer() if loose & set(extra) else {}
            kinds = {name: inferred[name] if name in loose else said[name] for name in extra}
            schema = _extended(schema, {**dict.fromkeys(no_value, "string"), **kinds})
        schema = exact(schema, pipeline.key)
        typed = write_typed(source, schema, self.workdir / "typed.parquet", self.say)
        if typed.rows == 0:
            raise BadBatch(Problem("rows", None, "The file has a header and no rows."))
        needed = {*required_columns(pipeline), pipeline.target}
        empty = (name for name in schema.names if typed.nulls.get(name, 0) == typed.rows)
        return _Read(source, typed, schema, tuple(n for n in empty if n in loose - needed))

    def _told(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """Return the problems, with a word on keys whose zeros tell them apart, and on readings."""
        return tuple(replace(problem, message=self._said(problem)) for problem in problems)

    def _said(self, problem: Problem) -> str:
        message = problem.message
        if problem.rule != "kind" or problem.column is None:
            return message
        if problem.column in self.pipeline.key:
            remedy = f"make it `string` in {self.pipeline.suite}, in a new table"
            return f"{message} A key with zeros in front is text: {remedy}."
        reading = self.pipeline.source.columns.get(problem.column)
        told = "" if reading is None else say_reading(reading)
        # the plain form, which the message shows, is not the one that was agreed
        plain, _, hint = message.partition(". ")
        plain = plain.partition(" such as ")[0].rstrip(".")
        return (
            f"{plain}, written {told}: so says source.columns. {hint}".rstrip() if told else message
        )

    def _name_changes(self, source: Source, problems: Sequence[Problem]) -> SchemaChanges:
        """Return what a person may accept of a batch with other columns."""
        names, required = source.names(), required_columns(self.pipeline)
        lost = [str(problem.column) for problem in problems if problem.rule == MISSING]
        added = [str(problem.column) for problem in problems if problem.rule == UNEXPECTED]
        known = len(lost) + len(added) == len(problems)
        # a name told by its position may be a person's value: there is nothing to accept by name
        if not known or set(lost) & set(required) or not set(added) <= set(names):
            return SchemaChanges()
        try:
            kinds = source.infer() if added else {}
        except BadBatch:
            return SchemaChanges()
        return SchemaChanges({name: kinds[name] for name in added}, tuple(lost))

    def _kind_changes(self, read: _Read, problems: Sequence[Problem]) -> SchemaChanges:
        """Return which columns of whole numbers hold numbers, where that alone is wrong."""
        names = [str(problem.column) for problem in problems if problem.rule == "kind"]
        fixed = {*self.pipeline.key}
        fixed |= set() if self.pipeline.task == "regression" else {self.pipeline.target}
        whole = [name for name in names if kind_of(read.schema.field(name).type) == "integer"]
        if len(whole) < len(problems) or fixed & set(whole):
            return SchemaChanges()
        kinds = read.source.infer()
        numbers = tuple(name for name in whole if kinds[name] == "number")
        return SchemaChanges(widened=numbers) if len(numbers) == len(whole) else SchemaChanges()

    def _spared(self, source: Source) -> Suite:
        """Return the suite without what it expects of columns that a person let stay away."""
        absent = set(self.agreed.accepted.lost) - set(source.names())
        kept = (e for e in self.suite.expectations if absent.isdisjoint(named_columns(e)))
        return replace(self.suite, expectations=tuple(kept)) if absent else self.suite

    def _classes(self, typed: Path) -> ClassesFound:
        target, agreed = self.pipeline.target, self.agreed
        if self.pipeline.task == "regression":
            return ClassesFound()
        counts = count_values(pl.scan_parquet(typed), target)
        return judge_classes(counts, agreed.classes, self.pipeline, agreed.accepted.classes)

    def _check_suite(self, schema: pa.Schema) -> None:
        for expectation in self.suite.expectations:
            plan(expectation, schema, self.pipeline.suite)


def _extended(schema: pa.Schema, kinds: Mapping[str, str]) -> pa.Schema:
    here = kinds_of(schema)
    return schema_of({**here, **{name: kind for name, kind in kinds.items() if name not in here}})


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
            message = "No row has a value."
            message += f" {TARGET_LATER}" if name == pipeline.target else ""
            problems.append(Problem("required column", name, message))
        elif nulls and name in pipeline.placed_by:
            needs = "its key and its event time" if pipeline.event_time else "its key"
            count = count_text(nulls, "row has", "rows have")
            message = f"{count} no value; each row needs {needs}."
            rows = tuple(place + 1 for place in find_places(typed.path, name, pc.is_null))
            problems.append(Problem("required value", name, message, rows))
    return problems
