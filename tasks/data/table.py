"""A Delta table where every transaction lands once, and only a whole batch is ever taken out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tasks.data.columns import Rows, check_known_columns, from_polars
from tasks.data.commits import Appended, Commit
from tasks.data.compaction import File
from tasks.data.delta import append_rows, find_transaction, remove_rows
from tasks.data.location import Location, count_bytes, said_since, stored_columns
from tasks.data.table_errors import translate_errors
from tasks.data.widening import as_read, merge_widened, widened
from tasks.errors import DataError
from tasks.metering import note_read
from tasks.store.bucket import Bucket

if TYPE_CHECKING:
    import polars as pl

ROWS_HELD = 262_144  # one piece
# As the options of a table have it: 6 to 12 s for a store that is busy.
PATIENCE = {"max_retries": 12, "retry_init_backoff_ms": 500, "retry_max_backoff_ms": 1000}
# Features that change rows without changing their file.
BESIDE = {"deletionVectors", "columnMapping"}


class Table(Location):
    """A Delta table at `uri`, a local path or `s3://bucket/path`.

    Raises (every method): `AccessDenied`, `StoreUnavailable` after a bounded wait, `StoreFull`.
    """

    def version(self) -> int | None:
        """Return the newest version number, or None where there is no table yet."""
        opened = self.open()
        return None if opened is None else int(opened.version())

    def data_version(self) -> int | None:
        """Return the newest version that changed rows: what a run is pinned to. None as above."""
        last = self.last_commit()
        return None if last is None else last.version

    def schema(self, version: int | None = None) -> pa.Schema | None:
        """Return the columns of a version and their types, or None where there is no table yet."""
        opened = self.open() if version is None else self.opened(version)
        return None if opened is None else as_read(stored_columns(opened))

    def has(self, transaction: str) -> int | None:
        """Return the version at which the transaction landed, or None."""
        opened = self.open()
        found = None if opened is None else find_transaction(self, opened, transaction)
        return None if found is None else found[0]

    def append(
        self,
        rows: Rows,
        transaction: str,
        metadata: Mapping[str, str],
        *,
        after: int | None = None,
        evolve: bool = False,
    ) -> Appended:
        """Add rows, exactly once per transaction id, and make the table if there is none.

        `rows` is streamed in bounded memory. A reader can be read only once, so only a table or
        a file is tried again after a lost commit. With `after` the rows land only as the commit
        that follows that version (-1: there was no table). With `evolve`, columns that the
        table lacks are added to it, and whole numbers become numbers where such rows come.

        Raises:
            PreconditionFailed: another commit came after that version; nothing was written.
            DataError: the rows have not the table's columns; nothing was written.
            StoreError: other writers won every time; nothing was written.
        """
        return append_rows(self, rows, transaction, metadata, after, evolve=evolve)

    def remove(self, column: str, batch: str, metadata: Mapping[str, str]) -> int:
        """Take out the rows whose `column` is `batch`, once; return the version without them.

        Earlier versions hold them still, so what learned from them shows what it learned from.

        Raises:
            NotFound: there are no such rows.
            StoreError: other writers won every time; nothing was changed.
        """
        return remove_rows(self, column, batch, metadata)

    def read(
        self,
        columns: Sequence[str] | None = None,
        *,
        where: pl.Expr | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Return rows of one version, the newest by default, in no certain order.

        `where` is a Polars expression; files whose statistics exclude it are not read.

        Raises:
            DataError: there is no table yet, no such version, or no such column.
        """
        opened = self.opened(version)
        schema = as_read(stored_columns(opened))
        check_known_columns(columns or (), schema, self.uri)
        wanted = schema.names if columns is None else list(columns)
        rows = self._scanned(opened)
        with translate_errors(self.uri):
            frame = (rows if where is None else rows.filter(where)).select(wanted).collect()
        return from_polars(frame, pa.schema([schema.field(name) for name in wanted]))

    def pieces(
        self, rows: pl.LazyFrame, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """Yield rows that were scanned, some at a time, in bounded memory, all columns or some."""
        schema = as_read(stored_columns(self.opened(None)))
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns])
        found = rows.select(schema.names)
        with translate_errors(self.uri):
            for frame in found.collect_batches(chunk_size=ROWS_HELD, engine="streaming"):
                yield from_polars(frame, schema)

    def scan(self, version: int | None = None) -> pl.LazyFrame:
        """Return the rows of one version lazily; raises as `read`."""
        return self._scanned(self.opened(version))

    def rows(self) -> pa.Table | None:
        """Return every row of the newest version, or None where there is no table yet."""
        opened = self.open()
        if opened is None:
            return None
        with translate_errors(self.uri):
            return from_polars(self._scanned(opened).collect(), as_read(stored_columns(opened)))

    def files(self, version: int | None = None) -> tuple[File, ...]:
        """Return the very Parquet files of one version, the oldest first; the same each time.

        Raises:
            DataError: there is no table yet, no such version, or its files do not hold the rows as
                they are: it is partitioned, or rows are deleted or columns mapped beside them.
        """
        opened = self.opened(version, exactly=True)
        with translate_errors(self.uri):
            found = pa.table(opened.get_add_actions(flatten=True)).to_pylist()
            features = {*(opened.protocol().reader_features or ())} & BESIDE
            partitions = opened.metadata().partition_columns
        if features or partitions:
            came = ", ".join(sorted(features) or partitions)
            raise DataError(self.uri, "its files hold the rows as they are", came, "Rewrite it.")
        # The log keeps no order, and files of one commit may share their time.
        found.sort(key=lambda file: (file["modification_time"], file["path"]))
        told = ("path", "num_records", "size_bytes")
        return tuple(File(*(file[name] for name in told)) for file in found)

    def history(self) -> tuple[Commit, ...]:
        """Return every commit, oldest first; empty where there is no table yet."""
        opened = self.open()
        if opened is None:
            return ()
        with translate_errors(self.uri):
            # from version 0, as no log is ever cleaned
            return said_since(opened, 0)

    def read_since(self, version: int) -> tuple[int, pa.Table, tuple[Commit, ...]] | None:
        """Return the newest version, its rows, and the commits after `version`, oldest first.

        All of one moment; None where there is no table yet. -1 is before the first commit.
        """
        opened = self.open()
        if opened is None:
            return None
        newest = int(opened.version())
        with translate_errors(self.uri):
            rows = from_polars(self._scanned(opened).collect(), as_read(stored_columns(opened)))
            # newer ones may have come since it was opened
            said = said_since(opened, version + 1)
        return newest, rows, tuple(commit for commit in said if commit.version <= newest)

    def last_commit(self) -> Commit | None:
        """Return the newest commit but those of upkeep, or None where there is no table yet."""
        opened = self.open()
        if opened is None:
            return None
        newest = int(opened.version())
        with translate_errors(self.uri):
            # a commit of upkeep or three on top: the whole log is rarely read for it
            for first in (newest, max(newest - 7, 0), 0):
                said = said_since(opened, first)[: newest - first + 1]
                told = [commit for commit in said if not commit.upkeep]
                if told:
                    break
        return told[-1]

    def _scanned(self, opened: Any) -> pl.LazyFrame:
        import polars as pl

        # Which of them, and which of their columns, Polars leaves unread is not told.
        note_read(count_bytes(opened))
        # Polars refuses the waiting times as texts, and Delta Lake takes no other.
        keys = {name: text for name, text in self.options.items() if name.startswith("AWS_")}
        options = {**keys, **(PATIENCE if keys else {})}
        rows = pl.scan_delta(self.uri, version=int(opened.version()), storage_options=options)
        return merge_widened(rows, widened(stored_columns(opened)))


def table_in(bucket: Bucket, path: str) -> Table:
    """Return the table that lies at `path` in the bucket, which need not be there yet."""
    address = bucket.table(path)
    return Table(address.uri, address.options)
