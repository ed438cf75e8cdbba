"""The ledger of a pipeline, kept as an append-only Delta table."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa

from tasks.data.table import Table, table_in
from tasks.documents import seal
from tasks.errors import DataError
from tasks.ledger.entry import KINDS, Entry, read_entry
from tasks.records import plain
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
        """Record the entry once per id; False where it was recorded before.

        Raises:
            DataError: its kind is not registered.
        """
        if entry.kind not in KINDS:
            raise DataError("ledger entry", f"kind is one of {', '.join(KINDS)}", entry.kind)
        figures = seal("entry", plain(dict(entry.figures), nan_as_null=True))
        # sorted keys: the same entry is the same text, whatever order its figures were told in
        text = json.dumps(figures, sort_keys=True, allow_nan=False)
        row = {name: getattr(entry, name) for name in COLUMNS.names} | {"figures": text}
        rows = pa.Table.from_pylist([row], schema=COLUMNS)
        # the id is the transaction: a retried flow and two that race leave the entry once
        return self.table.append(rows, entry.id, {"kind": entry.kind}).landed

    def entries(self, kind: str | None = None) -> tuple[Entry, ...]:
        """Return the entries ordered by time, all or of one kind; none where nothing is yet."""
        rows = self.table.rows()
        found = () if rows is None else map(read_entry, rows.to_pylist())
        kept = [entry for entry in found if kind in (None, entry.kind)]
        # Delta promises no order of rows; the id breaks ties, so that a story is always the same
        return tuple(sorted(kept, key=lambda entry: (entry.at, entry.id)))


def ledger_of(bucket: Bucket, pipeline: str) -> Ledger:
    """Return the ledger of the pipeline of this name."""
    return Ledger(table_in(bucket, Layout(pipeline).ledger))
