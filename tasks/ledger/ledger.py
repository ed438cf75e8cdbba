"""The ledger of a pipeline, kept as an append-only Delta table."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from tasks.data.table import Table, table_in
from tasks.documents import seal
from tasks.errors import DataError, IntegrityError, PreconditionFailed, StoreError
from tasks.ledger.entry import KINDS, Entry, read_entry
from tasks.ledger.head import read_head
from tasks.ledger.links import LINK, link_of, make_link
from tasks.records import plain
from tasks.signatures import Keyring
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout
from tasks.waits import drawn

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


NO_KEY = Keyring("")
TRIES = 40
LONGEST_WAIT = 0.5  # seconds


@dataclass(frozen=True)
class Ledger:
    """Every decision, verdict, promotion and rollback of one pipeline."""

    bucket: Bucket
    pipeline: str
    keyring: Keyring = NO_KEY

    # cached_property writes past the frozen dataclass, straight into __dict__
    @cached_property
    def table(self) -> Table:
        return table_in(self.bucket, Layout(self.pipeline).ledger)

    def append(self, entry: Entry) -> bool:
        """Record the entry once per id, linked to the one before; False where it was recorded.

        Raises:
            DataError: its kind is not registered.
            ConfigurationError: there is no signing key.
            IntegrityError: the line before is of a key that is not ours.
        """
        if entry.kind not in KINDS:
            raise DataError("ledger entry", f"kind is one of {', '.join(KINDS)}", entry.kind)
        figures = seal("entry", plain(dict(entry.figures), nan_as_null=True))
        # sorted keys: the same entry is the same text, whatever order its figures were told in
        text = json.dumps(figures, sort_keys=True, allow_nan=False)
        row = {name: getattr(entry, name) for name in COLUMNS.names} | {"figures": text}
        rows = pa.Table.from_pylist([row], schema=COLUMNS)
        for tried in range(TRIES):
            last = self.table.last_commit()
            version, before = (-1, "") if last is None else (last.version, link_of(last))
            self._refuse_stranger(before)
            said = {"kind": entry.kind, LINK: make_link(self.keyring, before, row)}
            # the id is the transaction: a retried flow and two that race leave the entry once
            with suppress(PreconditionFailed):
                return self.table.append(rows, entry.id, said, after=version).landed
            time.sleep(drawn(min(LONGEST_WAIT, 0.01 * 2**tried)))
        remedy = "Nothing was written; try again."
        raise StoreError(self.table.uri, f"one of {TRIES} tries is the next commit", None, remedy)

    def _refuse_stranger(self, before: str) -> None:
        """Refuse to follow a line of another key: to all others, ours would break the chain.

        A server whose variables lag behind would stop every decision of the pipeline. Once a
        person has accepted the lines as they are, the note of that has ours.
        """
        if not before or self.keyring.names(before):
            return
        if read_head(self.bucket, self.pipeline, self.keyring).link != before:
            rule = "who writes has the signing key of who wrote before"
            remedy = (
                "Give this process the project's PERENNIAL_SIGNING_KEY; where that is lost, run "
                f"`perennial verify {self.pipeline} --accept`."
            )
            came = f"a line of the key {before.partition(':')[0]}"
            raise IntegrityError(self.table.uri, rule, came, remedy)

    def entries(self, kind: str | None = None) -> tuple[Entry, ...]:
        """Return the entries ordered by time, all or of one kind; none where nothing is yet.

        They are to be shown: whoever decides by them asks `tasks.promotion.deciding`.
        """
        rows = self.table.rows()
        return () if rows is None else read_entries(rows, kind)


def read_entries(rows: pa.Table, kind: str | None = None) -> tuple[Entry, ...]:
    """Return the entries that rows of the table hold, ordered by time."""
    kept = [entry for entry in map(read_entry, rows.to_pylist()) if kind in (None, entry.kind)]
    # Delta promises no order of rows; the id breaks ties, so that a story is always the same
    return tuple(sorted(kept, key=lambda entry: (entry.at, entry.id)))


def ledger_of(bucket: Bucket, pipeline: str, keyring: Keyring = NO_KEY) -> Ledger:
    """Return the ledger of the pipeline of this name; without keys, to be read alone."""
    return Ledger(bucket, pipeline, keyring)
