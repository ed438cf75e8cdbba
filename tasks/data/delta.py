"""The door of Delta Lake: how rows land once per transaction, and are taken out.

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
from tasks.data.location import Location, count_bytes, said_since, stored_columns
from tasks.data.table_errors import explain, others_won, translate_errors
from tasks.data.widening import as_read, as_stored
from tasks.errors import NotFound, PreconditionFailed
from tasks.metering import note_written

# Each means that others won; where no version is demanded, Delta itself tries 100 times more.
ATTEMPTS = 5
# Readers skip row groups by their statistics, and hold one at a time.
ROW_GROUP = 262_144
APPEND_ONLY = "delta.appendOnly"
PROPERTIES: dict[str, str | None] = {
    APPEND_ONLY: "true",
    # Opening a table reads every commit since the last checkpoint.
    "delta.checkpointInterval": "10",
    # Which batches are there, and how the ledger's lines are linked, is told by the commits alone.
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
}


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
        demanded = after is not None
        if after is not None:
            _still_at(location, opened, after, as_read(columns) == schema)
        wanted = as_stored(schema, columns) if evolve else columns
        check_same_columns(schema, as_read(wanted), location.uri)
        stream, writer = align(rows, wanted), secrets.randbits(WRITER_BITS)
        held = count_bytes(opened)
        try:
            _write(opened, stream, transaction, writer, metadata, demanded, wanted != columns)
        except Exception as error:
            settled = _settle(location, transaction, writer, error)
            if settled is None:
                continue
            return settled
        # what another writer added in between counts here as well; a compaction may have shrunk it
        note_written(max(0, count_bytes(opened) - held))
        return Appended(int(opened.version()), landed=True)
    raise others_won(location.uri)


def remove_rows(location: Location, column: str, batch: str, metadata: Mapping[str, str]) -> int:
    """Take a batch's rows out of the newest version; see `Table.remove`."""
    from deltalake import CommitProperties, Transaction
    from deltalake.exceptions import CommitFailedError

    name = name_removal(batch)
    for _ in range(ATTEMPTS):
        opened = location.opened(None)
        done = find_transaction(location, opened, name)
        if done is not None:
            return done[0]
        # Tables of this and earlier releases are made so that no vendor's tool takes a row out.
        if opened.metadata().configuration.get(APPEND_ONLY) == "true":
            with translate_errors(location.uri):
                opened.alter.set_table_properties({APPEND_ONLY: "false"})
            opened = location.opened(None)
        number = number_transaction(int(opened.version()) + 1, secrets.randbits(WRITER_BITS))
        properties = CommitProperties(
            custom_metadata=describe({**metadata, REMOVED: batch}),
            app_transactions=[Transaction(name, number)],
        )
        try:
            opened.delete(f"{column} = '{batch}'", commit_properties=properties)
        # its rows were rewritten, or others came
        except CommitFailedError:
            continue
        except Exception as error:
            raise explain(str(error), location.uri) from error
        found = find_transaction(location, location.opened(None), name)
        if found is None:
            raise NotFound(location.uri, f"no row of batch {batch[:12]} is there")
        return found[0]
    raise others_won(location.uri)


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
    demanded: bool,
    more: bool,
) -> None:
    from deltalake import CommitProperties, Transaction, WriterProperties, write_deltalake

    number = number_transaction(int(opened.version()) + 1, writer)
    properties = CommitProperties(
        custom_metadata=describe({**metadata, TRANSACTION: transaction}),
        app_transactions=[Transaction(transaction, number)],
        max_commit_retries=0 if demanded else 100,
    )
    write_deltalake(
        opened,
        rows,
        mode="append",
        # What is not in the table yet is added to it. A type is never merged: Delta would cast.
        schema_mode="merge" if more else None,
        commit_properties=properties,
        writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=ROW_GROUP),
    )


def _still_at(location: Location, opened: Any, after: int, fits: bool) -> None:
    # Version 0 is the empty table: with fitting columns it is as good as none.
    with translate_errors(location.uri):
        came = said_since(opened, max(after, 0) + 1)
    moved = int(opened.version()) < after or not all(commit.upkeep for commit in came)
    if moved or (after < 0 and not fits):
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
