"""An append-only Delta table, where every transaction lands once: the only door of deltalake."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tasks.data.columns import (
    Rows,
    aligned,
    from_polars,
    known_columns,
    same_columns,
    stored_schema,
)
from tasks.data.commits import (
    WRITER_BITS,
    Appended,
    Commit,
    commit_of,
    described,
    first_and_writer,
    numbered,
)
from tasks.data.table_errors import explained, translated
from tasks.errors import DataError, PreconditionFailed, StoreError
from tasks.settings import Settings

if TYPE_CHECKING:
    import polars as pl

ATTEMPTS = 5
ROWS_HELD = 262_144
PROPERTIES: dict[str, str | None] = {
    "delta.appendOnly": "true",
    # Opening a table reads every commit since the last checkpoint.
    "delta.checkpointInterval": "10",
    # A data version stays readable for ever: lineage goes back to it.
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
}


@dataclass(frozen=True)
class Table:
    """A Delta table at `uri`, a local path or `s3://bucket/path`.

    Raises (every method): `AccessDenied`, `StoreUnavailable` after a bounded wait, `StoreFull`.
    """

    uri: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def version(self) -> int | None:
        """Return the newest version number, or None where there is no table yet."""
        opened = self._open()
        return None if opened is None else int(opened.version())

    def schema(self) -> pa.Schema | None:
        """Return the columns and their types, or None where there is no table yet."""
        opened = self._open()
        return None if opened is None else _columns(opened)

    def has(self, transaction: str) -> int | None:
        """Return the version at which the transaction landed, or None."""
        opened = self._open()
        found = None if opened is None else self._find(opened, transaction)
        return None if found is None else found[0]

    def append(
        self,
        rows: Rows,
        transaction: str,
        metadata: Mapping[str, str],
        *,
        after: int | None = None,
    ) -> Appended:
        """Add rows, exactly once per transaction id, and make the table if there is none.

        `rows` is streamed in bounded memory. A reader can be read only once, so only a table or
        a file is tried again after a lost commit. With `after` the rows land only as the commit
        that follows that version (-1: there was no table).

        Raises:
            PreconditionFailed: another commit came after that version; nothing was written.
            DataError: the rows have not the table's columns; nothing was written.
            StoreError: other writers won every time; nothing was written.
        """
        once = isinstance(rows, pa.RecordBatchReader)
        for _ in range(1 if once else ATTEMPTS):
            appended = self._append(rows, transaction, metadata, after)
            if appended is not None:
                return appended
        raise StoreError(self.uri, "the commit wins in time", "other writers", "Run it again.")

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
        opened = self._opened(version)
        schema = _columns(opened)
        known_columns(columns or (), schema, self.uri)
        wanted = schema.names if columns is None else list(columns)
        rows = self._scanned(opened)
        with translated(self.uri):
            frame = (rows if where is None else rows.filter(where)).select(wanted).collect()
        return from_polars(frame, pa.schema([schema.field(name) for name in wanted]))

    def pieces(
        self, *, where: pl.Expr, version: int | None = None, rows: int = ROWS_HELD
    ) -> Iterator[pa.Table]:
        """Return the same as `read`, so many rows at a time and in bounded memory."""
        opened = self._opened(version)
        schema = _columns(opened)
        found = self._scanned(opened).filter(where).select(schema.names)
        with translated(self.uri):
            for frame in found.collect_batches(chunk_size=rows, engine="streaming"):
                yield from_polars(frame, schema)

    def scan(self, version: int | None = None) -> pl.LazyFrame:
        """Return the rows of one version as a lazy Polars frame.

        Raises:
            DataError: there is no table yet, or no such version.
        """
        return self._scanned(self._opened(version))

    def rows(self) -> pa.Table | None:
        """Return every row of the newest version, or None where there is no table yet."""
        opened = self._open()
        if opened is None:
            return None
        with translated(self.uri):
            return from_polars(self._scanned(opened).collect(), _columns(opened))

    def history(self) -> tuple[Commit, ...]:
        """Return every commit, oldest first; empty where there is no table yet."""
        opened = self._open()
        if opened is None:
            return ()
        with translated(self.uri):
            # Newer commits may have come since it was opened, and its own numbers are then wrong:
            # number from the oldest, which is version 0 as no log is ever cleaned.
            said = reversed(opened.history())
        return tuple(commit_of(version, entry) for version, entry in enumerate(said))

    def _scanned(self, opened: Any) -> pl.LazyFrame:
        import polars as pl

        # Polars refuses the waiting times as texts, and Delta Lake takes no other.
        options = {name: text for name, text in self.options.items() if name.startswith("AWS_")}
        return pl.scan_delta(self.uri, version=int(opened.version()), storage_options=options)

    def _append(
        self,
        rows: Rows,
        transaction: str,
        metadata: Mapping[str, str],
        after: int | None,
    ) -> Appended | None:
        """Try once; None means that another writer's commit came first."""
        opened = self._open()
        if opened is None:
            opened = self._create(stored_schema(rows.schema))
        found = self._find(opened, transaction)
        if found is not None:
            return Appended(found[0], landed=False)
        columns = _columns(opened)
        if after is not None:
            self._still_at(opened, after, columns == stored_schema(rows.schema))
        same_columns(stored_schema(rows.schema), columns, self.uri)
        stream, writer = aligned(rows, columns), secrets.randbits(WRITER_BITS)
        try:
            self._write(opened, stream, transaction, writer, metadata, after)
        except Exception as error:
            return self._settle(transaction, writer, error)
        return Appended(int(opened.version()), landed=True)

    def _write(
        self,
        opened: Any,
        rows: pa.RecordBatchReader,
        transaction: str,
        writer: int,
        metadata: Mapping[str, str],
        after: int | None,
    ) -> None:
        from deltalake import CommitProperties, Transaction, WriterProperties, write_deltalake

        number = numbered(int(opened.version()) + 1, writer)
        properties = CommitProperties(
            custom_metadata=described(transaction, metadata),
            app_transactions=[Transaction(transaction, number)],
            max_commit_retries=100 if after is None else 0,
        )
        write_deltalake(
            opened,
            rows,
            mode="append",
            commit_properties=properties,
            writer_properties=WriterProperties(max_row_group_size=ROWS_HELD),
        )

    def _still_at(self, opened: Any, after: int, fits: bool) -> None:
        # Version 0 is the empty table: with fitting columns it is as good as none.
        moved = int(opened.version()) != max(after, 0) or (after < 0 and not fits)
        if moved:
            rule = f"no commit came after version {after}"
            raise PreconditionFailed(self.uri, rule, opened.version(), "Judge the rows again.")

    def _settle(self, transaction: str, writer: int, error: Exception) -> Appended | None:
        """Find out what a failed write left: its commit may have landed, ours or another's."""
        from deltalake.exceptions import CommitFailedError

        opened = self._open()
        found = None if opened is None else self._find(opened, transaction)
        if found is not None:
            return Appended(found[0], landed=found[1] == writer)
        if isinstance(error, CommitFailedError):
            return None
        raise explained(str(error), self.uri) from error

    def _find(self, opened: Any, transaction: str) -> tuple[int, int] | None:
        """Return the version that a transaction landed at, and its writer."""
        with translated(self.uri):
            number = opened.transaction_version(transaction)
            if number is None:
                return None
            version, writer = first_and_writer(number)
            # The history would tell it too, but holds the interpreter while it waits.
            while version < opened.version():
                if self._at(version).transaction_version(transaction) is not None:
                    break
                version += 1
            return version, writer

    def _create(self, schema: pa.Schema) -> Any:
        from deltalake import CommitProperties, DeltaTable

        # A commit tried again would be a second first commit, replacing the schema of the winner.
        once = CommitProperties(max_commit_retries=0)
        try:
            DeltaTable.create(
                self.uri,
                schema,
                mode="error",
                configuration=PROPERTIES,
                storage_options=dict(self.options),
                commit_properties=once,
            )
        except Exception as error:
            opened = self._open()
            if opened is None:
                raise explained(str(error), self.uri) from error
            return opened
        return self._opened(None)

    def _at(self, version: int | None) -> Any:
        from deltalake import DeltaTable

        return DeltaTable(self.uri, version=version, storage_options=dict(self.options))

    def _open(self) -> Any | None:
        from deltalake.exceptions import TableNotFoundError

        with translated(self.uri):
            try:
                return self._at(None)
            except TableNotFoundError:
                return None

    def _opened(self, version: int | None) -> Any:
        newest = self._open()
        if newest is None:
            raise DataError(self.uri, "there is a table", "none", "Ingest a batch first.")
        if version is None or version == newest.version():
            return newest
        if not 0 <= version < newest.version():
            rule = f"a version is 0 to {newest.version()}"
            raise DataError(self.uri, rule, version, "See `perennial history`.")
        with translated(self.uri):
            return self._at(version)


def table_at(settings: Settings, path: str) -> Table:
    """Return the table that lies at `path` in the bucket."""
    options = {
        "AWS_ENDPOINT_URL": settings.s3_endpoint,
        "AWS_ACCESS_KEY_ID": settings.access_key,
        "AWS_SECRET_ACCESS_KEY": settings.secret_key,
        "AWS_REGION": settings.region,
        "AWS_ALLOW_HTTP": "true",
        "conditional_put": "etag",
        "connect_timeout": "3 seconds",
        "timeout": "120 seconds",
        "max_retries": "3",
        "retry_timeout": "300 seconds",
    }
    return Table(f"s3://{settings.bucket}/{path}", options)


def _columns(opened: Any) -> pa.Schema:
    return stored_schema(pa.schema(opened.schema().to_arrow()))
