"""One pass over the rows for all expectations that look at one value or one row at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tasks.readers.frames import chunks, find_places, to_pandas
from tasks.readers.problem import FEW
from tasks.validation.checks import judge
from tasks.validation.combine import Finding, combine, sample, show, weigh
from tasks.validation.plan import Planned

MANY = 50_000  # distinct values; a column of more is judged piece by piece
PROBE = 20_000  # first rows; where half of them differ, the column is not counted
COUNT = "_count"


class Pieces:
    """The outcomes of expectations with the methods values, rows and set.

    A column of few distinct values is counted, and its expectations are judged once on those
    values. A column that turns out to have many is judged piece by piece from there on.
    """

    def __init__(self, path: Path, planned: Sequence[Planned]) -> None:
        self._path = path
        self._planned = planned
        self._counts: dict[str, pl.DataFrame] = {}
        self._many: set[str] = set()
        self._parts: dict[int, list[Finding]] = {id(entry.expectation): [] for entry in planned}

    def judge(self, rows: int) -> dict[int, Finding]:
        """Return the outcome of each expectation by its identity.

        One on the set of distinct values is left out where those are many.
        """
        columns = list(dict.fromkeys(name for entry in self._planned for name in entry.columns))
        if not columns:
            return {}
        for start, table in chunks(self._path, columns, rows):
            for name in self._counted():
                self._count(name, table)
            self._judge_rows(start, table)
        for entry in self._planned:
            if entry.method == "values" and entry.columns[0] in self._counts:
                self._judge_values(entry)
        return {
            id(entry.expectation): self._total(entry)
            for entry in self._planned
            if entry.method != "set" or entry.columns[0] not in self._many
        }

    def _counted(self) -> list[str]:
        names = [entry.columns[0] for entry in self._planned if entry.method in ("values", "set")]
        return [name for name in dict.fromkeys(names) if name not in self._many]

    def _count(self, name: str, table: pa.Table) -> None:
        column = pl.DataFrame({name: pl.from_arrow(table.column(name))})
        if column[name].head(PROBE).n_unique() > PROBE // 2:
            self._many.add(name)
            return
        counts = column.group_by(name).agg(pl.len().cast(pl.Int64).alias(COUNT))
        before = self._counts.get(name)
        if before is not None and len(counts) <= MANY:
            counts = pl.concat([before, counts]).group_by(name).agg(pl.col(COUNT).sum())
        if len(counts) > MANY:
            self._many.add(name)
        else:
            self._counts[name] = counts

    def _judge_rows(self, start: int, table: pa.Table) -> None:
        due = [
            entry
            for entry in self._planned
            if entry.method == "rows"
            or (entry.method == "values" and entry.columns[0] in self._many)
        ]
        if not due:
            return
        wanted = list(dict.fromkeys(name for entry in due for name in entry.columns))
        frame = to_pandas(table.select(wanted))
        for entry, outcome in zip(due, judge(frame, [e.expectation for e in due]), strict=True):
            part = sample(frame, entry.columns, outcome)
            places = tuple(start + place for place in outcome.places[:FEW])
            self._parts[id(entry.expectation)].append(replace(part, places=places, observed=None))

    def _judge_values(self, planned: Planned) -> None:
        name = planned.columns[0]
        counts = self._counts[name].sort(name, nulls_last=True)
        frame = to_pandas(counts.select(name).to_arrow())
        outcome = judge(frame, [planned.expectation])[0]
        # Most expectations leave nulls out, some judge them: the library's count tells which.
        rows = counts[COUNT].to_list()
        nulls = counts.filter(pl.col(name).is_null())[COUNT].sum()
        considered = 0 if outcome.evaluated == len(frame) else int(nulls)
        total = weigh(outcome, rows, considered, planned.mostly)
        if outcome.places:
            offending = counts[name].gather(list(outcome.places))
            values = offending.to_arrow()
            places = find_places(
                self._path, name, lambda col: pc.is_in(col, value_set=values.cast(col.type))
            )
            # Of Polars' values, not the frame's: a null among integers made these floats.
            total = replace(total, places=places, values=show(offending.drop_nulls().head(FEW)))
        # First, since the column was counted up to where it was found to have many values; the
        # pieces from there on are in the parts already.
        self._parts[id(planned.expectation)].insert(0, total)

    def _total(self, planned: Planned) -> Finding:
        if planned.method == "set":
            name = planned.columns[0]
            frame = to_pandas(self._counts[name].select(name).to_arrow())
            return judge(frame, [planned.expectation])[0]
        return combine(self._parts[id(planned.expectation)], planned.mostly)
