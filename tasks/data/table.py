"""An append-only Delta table, where every transaction lands once: the only door of deltalake."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow.fs import PyFileSystem

from tasks.data.columns import (
    Aligned,
    Rows,
    in_order,
    known_columns,
    opened_rows,
    same_columns,
    stored_schema,
)
from tasks.data.commits import Appended, Commit, commit_in, commit_of, described
from tasks.data.table_errors import explained, translated
from tasks.errors import DataError, PreconditionFailed, StoreError
from tasks.settings import Settings

if TYPE_CHECKING:
    import polars as pl

ATTEMPTS = 5
PROPERTIES: dict[str, str | None] = {
    "delta.appendOnly": "true",
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
        return None if found is None else found.version

    def append(
        self,
        rows: Rows,
        transaction: str,
        metadata: Mapping[str, str],
        *,
        after: int | None = None,
    ) -> Appended:
        """Add rows, exactly once per transaction id, and make the table if there is none.

        `rows` is streamed in bounded memory. A reader can be read only once, so only a table,
        or a function that opens the rows anew, is tried again after a lost commit. With `after`
        the rows land only as the commit that follows that version (-1: there was no table).

        Raises:
            PreconditionFailed: another commit came after that version; nothing was written.
            DataError: the rows have not the table's columns; nothing was written.
            StoreError: other writers won every time; nothing was written.
        """
        once = isinstance(rows, pa.RecordBatchReader)
        for _ in range(1 if once else ATTEMPTS):
            appended = self._append(opened_rows(rows), transaction, metadata, after)
            if appended is not None:
                return appended
        raise StoreError(self.uri, "the commit wins in time", "other writers", "Run it again.")

    def read(
        self,
        columns: Sequence[str] | None = None,
        *,
        where: Any = None,
        version: int | None = None,
    ) -> pa.Table:
        """Return rows of one version, the newest by default, in the same order every time.

        `where` is a pyarrow dataset expression; files whose statistics exclude it are not read.

        Raises:
            DataError: there is no table yet, no such version, or no such column.
        """
        opened = self._opened(version)
        known_columns(columns or (), _columns(opened), self.uri)
        with translated(self.uri):
            rows = in_order(opened.to_pyarrow_dataset())
            return rows.to_table(columns=None if columns is None else [*columns], filter=where)

    def scan(self, version: int | None = None) -> pl.LazyFrame:
        """Return the rows of one version as a lazy Polars frame.

        Raises:
            DataError: there is no table yet, or no such version.
        """
        import polars as pl

        # Polars refuses the waiting times as texts, and Delta Lake takes no other.
        options = {name: text for name, text in self.options.items() if name.startswith("AWS_")}
        number = int(self._opened(version).version())
        return pl.scan_delta(self.uri, version=number, storage_options=options)

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

    def _append(
        self,
        rows: pa.RecordBatchReader,
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
            return Appended(found.version, landed=False)
        columns = _columns(opened)
        if after is not None:
            self._still_at(opened, after, columns == stored_schema(rows.schema))
        same_columns(stored_schema(rows.schema), columns, self.uri)
        stream, writer = Aligned(rows, columns), uuid.uuid4().hex
        try:
            self._write(opened, stream.reader(), transaction, writer, metadata, after)
        except Exception as error:
            if stream.fault is not None:
                raise stream.fault from None
            return self._settle(transaction, writer, error)
        return Appended(int(opened.version()), landed=True)

    def _write(
        self,
        opened: Any,
        rows: pa.RecordBatchReader,
        transaction: str,
        writer: str,
        metadata: Mapping[str, str],
        after: int | None,
    ) -> None:
        from deltalake import CommitProperties, Transaction, write_deltalake

        # The transaction's own number says from which version on to look for its commit.
        first = Transaction(transaction, int(opened.version()) + 1)
        properties = CommitProperties(
            custom_metadata=described(transaction, writer, metadata),
            app_transactions=[first],
            max_commit_retries=100 if after is None else 0,
        )
        write_deltalake(opened, rows, mode="append", commit_properties=properties)

    def _still_at(self, opened: Any, after: int, fits: bool) -> None:
        # Version 0 is the empty table: with fitting columns it is as good as none.
        moved = int(opened.version()) != max(after, 0) or (after < 0 and not fits)
        if moved:
            rule = f"no commit came after version {after}"
            raise PreconditionFailed(self.uri, rule, opened.version(), "Judge the rows again.")

    def _settle(self, transaction: str, writer: str, error: Exception) -> Appended | None:
        """Find out what a failed write left: its commit may have landed, ours or another's."""
        from deltalake.exceptions import CommitFailedError

        opened = self._open()
        found = None if opened is None else self._find(opened, transaction)
        if found is not None:
            return Appended(found.version, landed=found.writer == writer)
        if isinstance(error, CommitFailedError):
            return None
        raise explained(str(error), self.uri) from error

    def _find(self, opened: Any, transaction: str) -> Commit | None:
        with translated(self.uri):
            first = opened.transaction_version(transaction)
            if first is None:
                return None
            for version in range(first, opened.version() + 1):
                commit = self._commit(version)
                if commit.transaction == transaction:
                    return commit
        raise StoreError(self.uri, f"the log holds the commit of {transaction}", "none")

    def _commit(self, version: int) -> Commit:
        from deltalake.fs import DeltaStorageHandler

        files = PyFileSystem(DeltaStorageHandler(self.uri, dict(self.options)))
        with files.open_input_file(f"_delta_log/{version:020d}.json") as log:
            return commit_in(version, log.read())

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
