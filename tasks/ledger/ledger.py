"""The ledger of a pipeline, kept as an append-only Delta table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tasks.data.table import Table, table_in
from tasks.ledger.entry import Entry, figures_text
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout

COLUMNS = pa.schema(
    {
        "id": pa.string(),
        "at": pa.timestamp("us", "UTC"),
        "pipeline": pa.string(),
        "kind": pa.string(),
        "version": pa.int64(),
        "by": pa.string(),
        "summary": pa.string(),
        "figures": pa.string(),
    }
)


@dataclass(frozen=True)
class Ledger:
    """Every decision, verdict, promotion and rollback of one pipeline."""

    table: Table

    def append(self, entry: Entry) -> bool:
        """Record the entry once per id; False where it was recorded before."""
        row = {name: getattr(entry, name) for name in COLUMNS.names}
        row["figures"] = figures_text(entry.figures)
        rows = pa.Table.from_pylist([row], schema=COLUMNS)
        return self.table.append(rows, entry.id, {"kind": entry.kind}).landed

    def entries(self, kind: str | None = None) -> tuple[Entry, ...]:
        """Return the entries ordered by time, all or of one kind; none where nothing is yet."""
        rows = self.table.rows()
        found = () if rows is None else (_entry(row) for row in rows.to_pylist())
        kept = [entry for entry in found if kind in (None, entry.kind)]
        return tuple(sorted(kept, key=lambda entry: (entry.at, entry.id)))


def ledger_of(bucket: Bucket, pipeline: str) -> Ledger:
    """Return the ledger of the pipeline of this name."""
    return Ledger(table_in(bucket, Layout(pipeline).ledger))


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(**{**row, "figures": json.loads(row["figures"])})
