"""The door of Delta Lake: how a version is opened, and how rows land once per transaction.

Whoever races, and whenever a writer dies: the transaction's id stands in the commit itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tasks.data.columns import Rows, align, check_same_columns, stored_schema
from tasks.data.commits import (
    REMOVED,
    TRANSACTION,
    WRITER_BITS,
    Appended,
    describe,
    first_and_writer,
    name_removal,
    number_transaction,
)
from tasks.data.table_errors import explain, others_won, translate_errors
from tasks.data.widening import as_read, as_stored
from tasks.errors import DataError, NotFound, PreconditionFailed
from tasks.metering import note_written
from tasks.store.bucket import TableAddress

# Each means that others won; where no version is demanded, Delta itself tries 100 times more.
ATTEMPTS = 5
# Readers skip row groups by their statistics, and hold one at a time.
ROW_GROUP = 262_144
APPEND_ONLY = "delta.appendOnly"
PROPERTIES: dict[str, str | None] = {
    APPEND_ONLY: "true",
    # Opening a table reads every commit since the last checkpoint.
    "delta.checkpointInterval": "10",
    # A data version stays readable for ever: lineage goes back to it.
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
}


class Location(TableAddress):
    """A place of a Delta table, which `deltalake` opens."""

    def at(self, version: int | None) -> Any:
        """Open this version, the newest where None, as `deltalake` does."""
        from deltalake import DeltaTable

        return DeltaTable(self.uri, version=version, storage_options=dict(self.options))

    def open(self) -> Any | None:
        """Open the newest version; None where there is no table yet."""
        from deltalake.exceptions import TableNotFoundError

        with translate_errors(self.uri):
            try:
                return self.at(None)
            except TableNotFoundError:
                return None

    def opened(self, version: int | None) -> Any:
        """Open this version, the newest where None.

        Raises:
            DataError: there is no table yet, or no such version.
        """
        newest = self.open()
        if newest is None:
            raise DataError(self.uri, "there is a table", "none", "Ingest a batch first.")
        if version is None or version == newest.version():
            return newest
        if not 0 <= version < newest.version():
            rule = f"a version is 0 to {newest.version()}"
            raise DataError(self.uri, rule, version, "See `perennial history`.")
        with translate_errors(self.uri):
            return self.at(version)


def stored_columns(opened: Any) -> pa.Schema:
    """Return the columns of an opened table as they are stored, and their types."""
    return stored_schema(pa.schema(opened.schema().to_arrow()))


def count_bytes(opened: Any) -> int:
    """Return how large the files of an opened table are, in bytes."""
    files = pa.table(opened.get_add_actions(flatten=False))
    return sum(files["size_bytes"].to_pylist())


def append_rows(
    location: Location,
    rows: Rows,
    transaction: str,
    metadata: Mapping[str, str],
    after: int | None,
    *,
    evolve: bool = False,
) -> Appended:
    """Add the rows once per transaction id; see `Table.append`."""
    schema = stored_schema(rows.schema)
    once = isinstance(rows, pa.RecordBatchReader)
    for _ in range(1 if once else ATTEMPTS):
        opened = location.open()
        if opened is None:
            opened = _create(location, schema)
        # First the look, then the write: where the same transaction lands between them, Delta
        # refuses the second commit of its id, and `_settle` finds the first.
        found = find_transaction(location, opened, transaction)
        if found is not None:
            return Appended(found[0], landed=False)
        columns = stored_columns(opened)
        if after is not None:
            _still_at(location, opened, after, as_read(columns) == schema)
        wanted = as_stored(schema, columns) if evolve else columns
        check_same_columns(schema, as_read(wanted), location.uri)
        stream, writer = align(rows, wanted), secrets.randbits(WRITER_BITS)
        held = count_bytes(opened)
        try:
            _write(opened, stream, transaction, writer, metadata, after, wanted != columns)
        except Exception as error:
            settled = _settle(location, transaction, writer, error)
            if settled is None:
                continue
            return settled
        # another writer's files may have come in between, and then count here as well
        note_written(count_bytes(opened) - held)
        return Appended(int(opened.version()), landed=True)
    raise others_won(location.uri)


def remove_rows(location: Location, column: str, batch: str, metadata: Mapping[str, str]) -> int:
    """Take a batch's rows out of the newest version; see `Table.remove`."""
    from deltalake import CommitProperties, Transaction
    from deltalake.exceptions import CommitFailedError

    opened, name = location.opened(None), name_removal(batch)
    done = find_transaction(location, opened, name)
    if done is not None:
        return done[0]
    # Tables of this and earlier releases are made so that no vendor's tool takes a row out.
    if opened.metadata().configuration.get(APPEND_ONLY) == "true":
        with translate_errors(location.uri):
            opened.alter.set_table_properties({APPEND_ONLY: "false"})
        opened = location.opened(None)
    writer = secrets.randbits(WRITER_BITS)
    number = number_transaction(int(opened.version()) + 1, writer)
    properties = CommitProperties(
        custom_metadata=describe({**metadata, REMOVED: batch}),
        app_transactions=[Transaction(name, number)],
    )
    try:
        opened.delete(f"{column} = '{batch}'", commit_properties=properties)
    except CommitFailedError as error:
        raise others_won(location.uri) from error
    except Exception as error:
        raise explain(str(error), location.uri) from error
    found = find_transaction(location, location.opened(None), name)
    if found is None:
        raise NotFound(location.uri, f"no row of batch {batch[:12]} is there")
    return found[0]


def find_transaction(location: Location, opened: Any, transaction: str) -> tuple[int, int] | None:
    """Return the version that a transaction landed at, and its writer."""
    with translate_errors(location.uri):
        number = opened.transaction_version(transaction)
        if number is None:
            return None
        version, writer = first_and_writer(number)
        # The history would tell it too, but holds the interpreter (the GIL) while it waits.
        while version < opened.version():
            if location.at(version).transaction_version(transaction) is not None:
                break
            version += 1
        return version, writer


def _write(
    opened: Any,
    rows: pa.RecordBatchReader,
    transaction: str,
    writer: int,
    metadata: Mapping[str, str],
    after: int | None,
    more: bool,
) -> None:
    from deltalake import CommitProperties, Transaction, WriterProperties, write_deltalake

    number = number_transaction(int(opened.version()) + 1, writer)
    properties = CommitProperties(
        custom_metadata=describe({**metadata, TRANSACTION: transaction}),
        app_transactions=[Transaction(transaction, number)],
        max_commit_retries=100 if after is None else 0,
    )
    write_deltalake(
        opened,
        rows,
        mode="append",
        # What is not in the table yet is added to it. A type is never merged: Delta would cast.
        schema_mode="merge" if more else None,
        commit_properties=properties,
        writer_properties=WriterProperties(max_row_group_size=ROW_GROUP),
    )


def _still_at(location: Location, opened: Any, after: int, fits: bool) -> None:
    # Version 0 is the empty table: with fitting columns it is as good as none.
    moved = int(opened.version()) != max(after, 0) or (after < 0 and not fits)
    if moved:
        rule = f"no commit came after version {after}"
        raise PreconditionFailed(location.uri, rule, opened.version(), "Judge the rows again.")


def _settle(location: Location, transaction: str, writer: int, error: Exception) -> Appended | None:
    """Return what a failed write landed; None where another writer's commit came first."""
    from deltalake.exceptions import CommitFailedError

    # The answer to a commit may be lost, and then the commit has landed all the same.
    opened = location.open()
    found = None if opened is None else find_transaction(location, opened, transaction)
    if found is not None:
        return Appended(found[0], landed=found[1] == writer)
    if isinstance(error, CommitFailedError):
        return None
    raise explain(str(error), location.uri) from error


def _create(location: Location, schema: pa.Schema) -> Any:
    from deltalake import CommitProperties, DeltaTable

    try:
        DeltaTable.create(
            location.uri,
            schema,
            mode="error",
            configuration=PROPERTIES,
            storage_options=dict(location.options),
            # A commit tried again would be a second first one, replacing the winner's schema.
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    except Exception as error:
        opened = location.open()
        if opened is None:
            raise explain(str(error), location.uri) from error
        return opened
    return location.opened(None)
