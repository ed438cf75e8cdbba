"""Judging a suite on all rows of a file, each expectation on as little of it as decides it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet

from expectations.suite import Suite
from tasks.readers.frames import CHUNK_ROWS, chunks, to_pandas
from tasks.readers.private import conceal
from tasks.readers.problem import FEW
from tasks.validation.checks import judge
from tasks.validation.combine import Finding, combine, sample
from tasks.validation.keys import cut_partitions, find_candidates, take_rows
from tasks.validation.pieces import Pieces
from tasks.validation.plan import FIGURES, ROW_COUNTS, Planned, plan
from tasks.validation.report import Check
from tasks.validation.shortcuts import decide_early


def evaluate(
    path: Path,
    schema: pa.Schema,
    rows: int,
    suite: Suite,
    personal: Sequence[str],
    where: str,
    *,
    at_once: int = CHUNK_ROWS,
) -> tuple[Check, ...]:
    """Return one check for each expectation, judged on all `rows` of the Parquet file.

    Args:
        path: a Parquet file of `rows` rows with the columns of `schema`.
        schema: the types that the file has.
        rows: how many there are.
        suite: whose expectations are judged, in their order.
        personal: columns of whose values no check may show any.
        where: the suite's name, for errors.
        at_once: so many rows are one frame; more are judged in pieces and their counts together.

    Raises:
        ConfigurationError: an expectation names a column that `schema` has not.
    """
    planned = [plan(expectation, schema, where) for expectation in suite.expectations]
    findings = _small(path, planned, at_once) if rows <= at_once else None
    if findings is None:
        findings = _large(path, planned, rows, at_once)
    pairs = zip(planned, findings, strict=True)
    return tuple(_check(entry, finding, personal) for entry, finding in pairs)


def _check(planned: Planned, finding: Finding, personal: Sequence[str]) -> Check:
    # A report shows nothing of a personal column's values, which an error's text may quote.
    hidden = bool(set(planned.columns) & set(personal))
    error, seen = finding.error, finding.observed
    if error is not None and hidden:
        error = "a personal column is involved, so the reason is not shown"
    return Check(
        rule=planned.rule,
        column=", ".join(planned.columns) or None,
        passed=finding.success,
        evaluated=finding.evaluated,
        unexpected=finding.unexpected,
        # 1 - 0.9 is 0.09999999999999998, which no report should say.
        allowed_share=round(1 - planned.mostly, 12),
        observed=None if hidden or seen is None else str(conceal(seen, personal)),
        sample_rows=tuple(place + 1 for place in finding.places[:FEW]),
        sample_values=() if hidden else tuple(str(conceal(v, personal)) for v in finding.values),
        severity=getattr(planned.expectation, "severity", "critical"),
        message="" if error is None else f"It could not be evaluated: {error}",
    )


def _small(path: Path, planned: Sequence[Planned], at_once: int) -> list[Finding] | None:
    # None where the rows are so wide that they come in several pieces.
    pieces = chunks(path, pyarrow.parquet.read_schema(path).names, at_once)
    _, table = next(pieces, (0, None))
    if table is None or next(pieces, None) is not None:
        return None
    frame = to_pandas(table)
    found = decide_early(path, planned, len(frame)) if len(frame) else {}
    due = [entry for entry in planned if id(entry.expectation) not in found]
    judged = judge(frame, [entry.expectation for entry in due])
    found.update((id(e.expectation), finding) for e, finding in zip(due, judged, strict=True))
    return [sample(frame, entry.columns, found[id(entry.expectation)]) for entry in planned]


def _large(path: Path, planned: Sequence[Planned], rows: int, at_once: int) -> list[Finding]:
    # By identity: a suite may hold the same expectation twice.
    found = decide_early(path, planned, rows)
    methods = ("values", "rows", "set")
    due = [e for e in planned if e.method in methods and id(e.expectation) not in found]
    found.update(Pieces(path, due).judge(at_once))
    return [found.get(id(entry.expectation)) or _alone(path, entry, rows) for entry in planned]


def _alone(path: Path, planned: Planned, rows: int) -> Finding:
    """Judge what takes a look of its own at the file."""
    if planned.method == "twins":
        return _twins(path, planned)
    if planned.method == "figure":
        # A frame of one row has the same minimum, maximum, mean or sum.
        figure = getattr(pl.col(planned.columns[0]), FIGURES[planned.rule])()
        lone = pl.scan_parquet(path).select(figure).collect(engine="streaming").to_pandas()
        return judge(lone, [planned.expectation])[0]
    if planned.method == "shape":
        empty = to_pandas(pyarrow.parquet.read_schema(path).empty_table())
        counted = pd.DataFrame(index=pd.RangeIndex(rows))
        return judge(counted if planned.rule in ROW_COUNTS else empty, [planned.expectation])[0]
    return _whole(path, planned)


def _twins(path: Path, planned: Planned) -> Finding:
    """Judge uniqueness on the rows whose hash occurs twice; all others are unique."""
    columns = planned.columns
    figures = pl.scan_parquet(path).select(
        pl.col(columns).null_count().name.suffix(" nulls"), pl.len()
    )
    *nulls, rows = figures.collect(engine="streaming").row(0)
    # The library has its own ways with rows that miss some of their columns.
    if len(columns) > 1 and any(nulls):
        return _whole(path, planned)
    parts = [Finding(True, rows - nulls[0], 0)]
    places: list[int] = []
    for numbers in cut_partitions(find_candidates(path, columns)):
        suspects = take_rows(path, columns, numbers)
        frame = to_pandas(suspects.drop("_row").to_arrow())
        finding = judge(frame, [planned.expectation])[0]
        places += suspects["_row"].gather(list(finding.places[:FEW])).to_list()
        parts.append(Finding(finding.success, 0, finding.unexpected, error=finding.error))
    return replace(combine(parts, planned.mostly), places=tuple(sorted(places)[:FEW]))


def _whole(path: Path, planned: Planned) -> Finding:
    columns = list(dict.fromkeys(planned.columns))
    table = pl.scan_parquet(path).select(columns).collect(engine="streaming").to_arrow()
    frame = to_pandas(table)
    return sample(frame, planned.columns, judge(frame, [planned.expectation])[0])
