"""Reading one file of labels strictly, in the types of the curated table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from expectations.suite import Suite
from tasks.config import Pipeline
from tasks.errors import DataError, bounded
from tasks.policy.reading import count_text
from tasks.readers.formats import open_source, tell_format
from tasks.readers.kinds import exact, kind_of, schema_of
from tasks.readers.problem import Problem
from tasks.readers.source import BadBatch, Source
from tasks.readers.typed import Typed, write_typed
from tasks.validation.evaluate import evaluate
from tasks.validation.report import Report


def label_schema(curated: pa.Schema, pipeline: Pipeline) -> pa.Schema:
    """Return the columns of a file of labels: the key's and the target, as they are curated.

    Raises:
        DataError: the curated table lacks one of them.
    """
    wanted = [*pipeline.key, pipeline.target]
    absent = [name for name in wanted if name not in curated.names]
    if absent:
        rule = "the curated table has the key and the target"
        raise DataError(f"pipeline {pipeline.name}", rule, f"no {', '.join(absent)}")
    return exact(
        schema_of({name: kind_of(curated.field(name).type) or "string" for name in wanted}),
        pipeline.key,
    )


def read_labels(
    path: Path,
    report: Report,
    schema: pa.Schema,
    pipeline: Pipeline,
    suite: Suite,
    workdir: Path,
    say: Callable[[str], None],
) -> tuple[pl.DataFrame | None, Report]:
    """Return key and target in the file's order, or None where it is refused; and the report.

    Args:
        path: the object, downloaded.
        report: of the object, with nothing found yet.
        schema: the key's columns and the target, as they are curated.
        pipeline: whose labels they are.
        suite: the pipeline's; its expectations on the target judge labels, too.
        workdir: takes at most twice the unfolded size.
        say: takes a line of progress.

    Raises:
        ConfigurationError: such an expectation does not fit the column.
    """
    report = replace(report, format=tell_format(report.object) or "unknown format")
    try:
        source = open_source(path, report.object, pipeline.data.max_bytes, pipeline.source)
        _refuse_other_columns(source.names(), schema.names, pipeline)
        typed = _typed(source, schema, workdir / "labels.parquet", say)
    except BadBatch as bad:
        return None, replace(report, problems=bad.problems)
    report = replace(report, rows=typed.rows, columns=len(schema))
    told = {problem.column for problem in typed.problems}
    # a value that could not be read is null in the typed rows: it is told once, as what it is
    nulls = {name: typed.nulls.get(name) for name in schema.names if name not in told}
    missing = [
        Problem("required value", name, f"{count_text(count, 'row has', 'rows have')} no value.")
        for name, count in nulls.items()
        if count
    ]
    problems = (*typed.problems, *missing)
    if problems:
        return None, replace(report, problems=problems)
    ours = [e for e in suite.expectations if getattr(e, "column", None) == pipeline.target]
    about, personal = replace(suite, expectations=tuple(ours)), pipeline.data.personal
    checks = evaluate(typed.path, schema, typed.rows, about, personal, pipeline.suite)
    report = replace(report, checks=checks)
    if any(check.refuses for check in checks):
        return None, report
    frame = pl.DataFrame(pl.from_arrow(pyarrow.parquet.read_table(typed.path)))
    return frame.select(schema.names), replace(report, accepted=True)


def _typed(source: Source, schema: pa.Schema, path: Path, say: Callable[[str], None]) -> Typed:
    typed = write_typed(source, schema, path, say)
    if typed.rows == 0:
        raise BadBatch(Problem("rows", None, "The file has no rows."))
    return typed


def _refuse_other_columns(names: Sequence[str], wanted: Sequence[str], pipeline: Pipeline) -> None:
    """Refuse a file of labels that lacks some of the `wanted` columns, or has more."""
    problems = [
        Problem("missing column", name, "The file of labels has no such column.")
        for name in wanted
        if name not in names
    ]
    # a file without its header would show a person's values as names
    hidden = bool(pipeline.data.personal)
    listed = ", ".join(wanted)
    for place, name in enumerate(names, start=1):
        if name not in wanted:
            called = "" if hidden else f"It is called {bounded(name, 80)}. "
            message = f"{called}Labels have {listed} and nothing else."
            problems.append(Problem("unexpected column", f"column {place}", message))
    if problems:
        raise BadBatch(*problems)
