"""A pipeline's curated table: its accepted rows, each with the batch that brought it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tasks.data.columns import FileRows, check_known_columns, from_polars
from tasks.data.commits import Appended
from tasks.data.reference import DatasetRef, Window
from tasks.data.standing import scan_standing
from tasks.data.table import Table, table_in
from tasks.data.table_errors import translate_errors
from tasks.errors import DataError
from tasks.store.bucket import Bucket
from tasks.store.layout import BATCH, INGESTED_AT, Layout

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def curated(bucket: Bucket, pipeline: str) -> Table:
    """Return the curated table of the pipeline of this name, which may not be there yet."""
    return table_in(bucket, Layout(pipeline).curated)


def read_columns(table: Table) -> pa.Schema | None:
    """Return the pipeline's own columns, without those that ingesting adds, or None."""
    schema = table.schema()
    if schema is None:
        return None
    return pa.schema([column for column in schema if column.name not in (BATCH, INGESTED_AT)])


def append_batch(
    table: Table,
    rows: Path | FileRows,
    batch: str,
    at: datetime,
    metadata: Mapping[str, str],
    *,
    after: int | None = None,
) -> Appended:
    """Add the rows of a Parquet file as `batch`, once however often it is asked.

    Args:
        table: the curated table, made where there is none.
        rows: the file, streamed in bounded memory. Columns that the table lacks are added to it,
            and whole numbers widened: who lands a batch decides before whether it may.
        batch: the id of the batch (SHA-256 of its bytes), and of the transaction.
        at: when it was ingested, with a zone.
        metadata: what the commit tells besides the batch.
        after: the version that the commit follows, as in `Table.append`.

    Raises:
        PreconditionFailed: another commit came after that version; nothing was written.
        DataError: the rows have not the table's columns, or hold a reserved column.
    """
    if at.tzinfo is None:
        raise DataError("ingested at", "a time with a zone", at)
    came = rows if isinstance(rows, FileRows) else FileRows(rows)
    taken = sorted({BATCH, INGESTED_AT} & set(came.schema.names))
    if taken:
        rule = f"{BATCH} and {INGESTED_AT} are reserved"
        raise DataError("columns", rule, ", ".join(taken), "Rename the column.")
    added = {
        BATCH: pa.scalar(batch, pa.string()),
        INGESTED_AT: pa.scalar(at, pa.timestamp("us", "UTC")),
    }
    tagged = replace(came, added=added)
    told = {**metadata, "batch": batch}
    return table.append(tagged, batch, told, after=after, evolve=True)


def training_rows(
    table: Table,
    ref: DatasetRef,
    event_time: str,
    *,
    key: Sequence[str] = (),
    without: Collection[str] = (),
    held: Collection[str] = (),
) -> pd.DataFrame:
    """Return the rows that `ref` names and that stand, ordered by event time, key, then batch.

    All columns, those that ingesting adds too. `key` are those that identify a row; the batches
    `without` are left out, and correct nothing; `held` ones stay, and correct nothing either.

    Raises:
        DataError: no such version or column, or the window's bounds do not fit the event time.
    """
    schema = table.schema(ref.version)
    where = _inside(schema, ref.window, event_time, table.uri)
    # first what stands, then the window: a correction may move a row out of it
    found = scan_standing(table, key, version=ref.version, without=without, held=held)
    with translate_errors(table.uri):
        frame = (found if where is None else found.filter(where)).collect()
    rows = from_polars(frame, schema)
    # What is still equal is ordered by the other columns: the same reference, the same order.
    by = dict.fromkeys([event_time, *key, BATCH, *rows.column_names])
    rows = rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in by]))
    # Split blocks: pandas would join columns of one type in a copy of all rows.
    made: pd.DataFrame = rows.to_pandas(date_as_object=False, split_blocks=True)
    return made


def _inside(schema: pa.Schema, window: Window, event_time: str, where: str) -> pl.Expr | None:
    import polars as pl

    check_known_columns([event_time], schema, where)
    kind = schema.field(event_time).type
    dated = pa.types.is_date(kind)
    if not (pa.types.is_timestamp(kind) or dated):
        raise DataError(f"column {event_time}", "event times are times or dates", kind)
    zoned = not dated and kind.tz is not None
    start, end = window.start, window.end
    for bound in (start, end):
        if bound is not None and zoned != (bound.tzinfo is not None):
            rule = "bounds have a zone where the event times have one"
            raise DataError(f"column {event_time}", rule, bound.isoformat())
    # A date is compared as its midnight.
    at = pl.col(event_time).cast(pl.Datetime("us")) if dated else pl.col(event_time)
    conditions = [] if start is None else [at >= start]
    conditions += [] if end is None else [at < end]
    return reduce(and_, conditions) if conditions else None
