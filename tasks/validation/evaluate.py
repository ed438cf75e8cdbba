"""Judging a suite on all rows of a file, each expectation on as little of it as decides it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet

from expectations.suite import Suite
from tasks.readers.frames import CHUNK_ROWS, chunks, to_pandas
from tasks.readers.kinds import kind_of
from tasks.readers.problem import FEW
from tasks.validation.checks import judge
from tasks.validation.combine import Finding, SampledFinding, combine
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
    planned = [plan_for(expectation, schema, where) for expectation in suite.expectations]
    judged = _small(path, planned, at_once) if rows <= at_once else None
    if judged is None:
        judged = _large(path, planned, rows, at_once)
    return tuple(
        make_check(entry, sampled, personal) for entry, sampled in zip(planned, judged, strict=True)
    )


def plan_for(expectation: Any, schema: pa.Schema, where: str) -> Planned:
    """Plan one expectation for rows of this schema."""
    numbers = frozenset(
        field.name for field in schema if kind_of(field.type) in ("integer", "number")
    )
    return plan(expectation, schema.names, numbers, where)


def make_check(planned: Planned, judged: SampledFinding, personal: Sequence[str]) -> Check:
    """Return what a report may show: nothing of a personal column's values."""
    hidden = bool(set(planned.columns) & set(personal))
    outcome = judged.outcome
    error = outcome.error
    if error is not None and hidden:
        error = "a personal column is involved, so the reason is not shown"
    return Check(
        rule=planned.rule,
        column=planned.column,
        passed=outcome.success,
        evaluated=outcome.evaluated,
        unexpected=outcome.unexpected,
        allowed_share=round(1 - planned.mostly, 12),
        observed=None if hidden else outcome.observed,
        sample_rows=tuple(place + 1 for place in outcome.places[:FEW]),
        sample_values=() if hidden else judged.values,
        severity=getattr(planned.expectation, "severity", "critical"),
        message="" if error is None else f"It could not be evaluated: {error}",
    )


def _small(path: Path, planned: Sequence[Planned], at_once: int) -> list[SampledFinding] | None:
    """Judge everything on one frame, or return None where the rows are too wide for one."""
    names = pyarrow.parquet.read_schema(path).names
    pieces = chunks(path, names, at_once)
    _, table = next(pieces, (0, None))
    if table is None or next(pieces, None) is not None:
        return None
    frame = to_pandas(table)
    outcomes = judge(frame, [entry.expectation for entry in planned])
    return [
        SampledFinding(outcome, show_values(frame, entry.columns, outcome.places))
        for entry, outcome in zip(planned, outcomes, strict=True)
    ]


def show_values(
    frame: pd.DataFrame, columns: Sequence[str], places: Sequence[int]
) -> tuple[str, ...]:
    """Return a few short texts of the values at `places`, for expectations on one column."""
    if len(columns) != 1:
        return ()
    values = frame[columns[0]].iloc[list(places[: 4 * FEW])].dropna()
    return tuple(dict.fromkeys(str(value)[:40] for value in values))[:FEW]


def _large(path: Path, planned: Sequence[Planned], rows: int, at_once: int) -> list[SampledFinding]:
    found = decide_early(path, planned, rows)
    methods = ("values", "rows", "set")
    due = [e for e in planned if e.method in methods and id(e.expectation) not in found]
    found.update(Pieces(path, due).judge(at_once))
    whole: dict[str, Callable[[Planned], SampledFinding]] = {
        "shape": lambda entry: _shape(path, entry, rows),
        "figure": lambda entry: _figure(path, entry),
        "twins": lambda entry: _twins(path, entry),
        "whole": lambda entry: _whole(path, entry),
    }
    judged = []
    for entry in planned:
        outcome = found.get(id(entry.expectation))
        method = "whole" if entry.method == "set" else entry.method
        judged.append(outcome if outcome is not None else whole[method](entry))
    return judged


def _one(frame: pd.DataFrame, planned: Planned) -> Finding:
    return judge(frame, [planned.expectation])[0]


def _shape(path: Path, planned: Planned, rows: int) -> SampledFinding:
    if planned.rule in ROW_COUNTS:
        return SampledFinding(_one(pd.DataFrame(index=pd.RangeIndex(rows)), planned))
    empty = pyarrow.parquet.read_schema(path).empty_table()
    return SampledFinding(_one(to_pandas(empty), planned))


def _figure(path: Path, planned: Planned) -> SampledFinding:
    """Judge on a frame of one row that has the same minimum, maximum, mean or sum."""
    (name,) = planned.columns
    figure = getattr(pl.col(name), FIGURES[planned.rule])()
    value = pl.scan_parquet(path).select(figure).collect(engine="streaming").to_pandas()
    return SampledFinding(_one(value, planned))


def _twins(path: Path, planned: Planned) -> SampledFinding:
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
        outcome = _one(to_pandas(suspects.drop("_row").to_arrow()), planned)
        places += suspects["_row"].gather(list(outcome.places[:FEW])).to_list()
        parts.append(Finding(outcome.success, 0, outcome.unexpected, error=outcome.error))
    return SampledFinding(
        replace(combine(parts, planned.mostly), places=tuple(sorted(places)[:FEW]))
    )


def _whole(path: Path, planned: Planned) -> SampledFinding:
    """Load the columns that decide, and nothing else."""
    columns = list(dict.fromkeys(planned.columns))
    table = pl.scan_parquet(path).select(columns).collect(engine="streaming").to_arrow()
    frame = to_pandas(table)
    outcome = _one(frame, planned)
    return SampledFinding(
        outcome, show_values(frame, planned.columns, np.array(outcome.places[:20]).tolist())
    )
