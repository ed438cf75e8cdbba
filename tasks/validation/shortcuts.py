"""Expectations that a few figures of a column decide, without a look at each value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from tasks.readers.frames import find_places, to_pandas
from tasks.readers.kinds import kind_of
from tasks.validation.checks import judge
from tasks.validation.combine import Finding, is_met, weigh
from tasks.validation.plan import BETWEEN, NULLS, Planned

# Kinds whose least and greatest value bound all.
ORDERED = frozenset({"integer", "number", "timestamp", "date"})


def decide_early(path: Path, planned: Sequence[Planned], rows: int) -> dict[int, Finding]:
    """Return the outcomes, by the expectations' identity, that few figures decide exactly."""
    schema = pyarrow.parquet.read_schema(path)
    plain = [entry for entry in planned if entry.method == "values"]
    ranges = [
        entry
        for entry in plain
        if entry.rule == BETWEEN and kind_of(schema.field(entry.columns[0]).type) in ORDERED
    ]
    nulls = [entry for entry in plain if entry.rule in NULLS]
    names = sorted({entry.columns[0] for entry in (*ranges, *nulls)})
    if not names:
        return {}
    ordered = sorted({entry.columns[0] for entry in ranges})
    # One pass over the file for all of them.
    scanned = pl.scan_parquet(path).select(
        pl.col(names).null_count().name.prefix("nulls "),
        pl.col(ordered).min().name.prefix("min "),
        pl.col(ordered).max().name.prefix("max "),
    )
    figures = scanned.collect(engine="streaming").row(0, named=True)
    once = _Once()
    found = {
        id(entry.expectation): _nullness(
            path, entry, rows, figures[f"nulls {entry.columns[0]}"], once
        )
        for entry in nulls
    }
    for entry in ranges:
        judged = _range(schema, entry, rows, figures, once)
        if judged is not None:
            found[id(entry.expectation)] = judged
    return found


class _Once:
    """Judges an expectation on a few values once, whatever the column is called."""

    def __init__(self) -> None:
        self._found: dict[str, Finding] = {}

    def judge(self, expectation: Any, values: pa.Array) -> Finding:
        # A call of the library takes milliseconds, and a wide table has hundreds of them.
        kwargs = {**expectation.configuration.kwargs, "column": None}
        key = repr((expectation.expectation_type, kwargs, values.type, values.to_pylist()))
        if key not in self._found:
            frame = to_pandas(pa.table({expectation.column: values}))
            self._found[key] = judge(frame, [expectation])[0]
        return self._found[key]


def _nullness(path: Path, planned: Planned, rows: int, nulls: int, once: _Once) -> Finding:
    name = planned.columns[0]
    # Nothing but a null decides, so one null and one other value are judged and weighted.
    judged = once.judge(planned.expectation, pa.array([None, 1]))
    outcome = weigh(judged, [nulls, rows - nulls], 0, 1)
    if outcome.error is not None or not outcome.unexpected:
        return replace(outcome, places=())  # of the two values judged, not of rows
    offends = pc.is_null if outcome.places == (0,) else pc.is_valid
    success = is_met(rows, outcome.unexpected, planned.mostly)
    places = find_places(path, name, offends)
    return Finding(success, rows, outcome.unexpected, places)


def _range(
    schema: pa.Schema, planned: Planned, rows: int, figures: dict[str, Any], once: _Once
) -> Finding | None:
    name = planned.columns[0]
    nulls = int(figures[f"nulls {name}"])
    if nulls == rows:
        return None
    # Where the least and the greatest value are in a range, all are; else each is looked at.
    ends = [figures[f"min {name}"], figures[f"max {name}"]]
    expectation, values = planned.expectation, pa.array(ends, schema.field(name).type)
    bounds = [expectation.min_value, expectation.max_value]
    if all(bound is None or type(bound) in (int, float) for bound in bounds) and _are_numbers(ends):
        low, high, *ranks = _rank([*bounds, *ends])
        expectation = expectation.copy(update={"min_value": low, "max_value": high})
        values = pa.array(ranks, pa.int64())
    outcome = once.judge(expectation, values)
    if outcome.error is not None or outcome.unexpected:
        return None
    return Finding(True, rows - nulls, 0)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(type(value) in (int, float) and math.isfinite(value) for value in values)


def _rank(values: Sequence[float | None]) -> list[int | None]:
    """Return the places of numbers among each other: nothing else decides what is in a range.

    >>> _rank([-10, None, 2.5, 2.5])
    [0, None, 1, 1]
    """
    order = sorted({value for value in values if value is not None})
    return [None if value is None else order.index(value) for value in values]
