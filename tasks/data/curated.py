"""A pipeline's curated table: its accepted rows, each with the batch that brought it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.data.columns import stored_schema
from tasks.data.commits import Appended
from tasks.data.reference import DatasetRef
from tasks.data.table import Table, table_at
from tasks.errors import DataError
from tasks.settings import Settings
from tasks.store.layout import Layout

if TYPE_CHECKING:
    import pandas as pd

BATCH, INGESTED_AT = "_batch", "_ingested_at"
ADDED = (pa.field(BATCH, pa.string()), pa.field(INGESTED_AT, pa.timestamp("us", "UTC")))
ROWS_AT_ONCE = 65_536


def curated(settings: Settings, pipeline: str) -> Table:
    """Return the curated table of the pipeline of this name, which may not be there yet."""
    return table_at(settings, Layout(pipeline).curated)


def columns_of(table: Table) -> pa.Schema | None:
    """Return the pipeline's own columns, without those that ingesting adds, or None."""
    schema = table.schema()
    if schema is None:
        return None
    return pa.schema([at for at in schema if at.name not in (BATCH, INGESTED_AT)])


def append_batch(
    table: Table,
    rows: Path,
    batch: str,
    at: datetime,
    metadata: Mapping[str, str],
    *,
    after: int | None = None,
) -> Appended:
    """Add the rows of a Parquet file as `batch`, once however often it is asked.

    The file is streamed in bounded memory. `batch` is the id of the batch (SHA-256 of its
    bytes) and the transaction's; `at` is when it was ingested, with a zone; `after` as in
    `Table.append`.

    Raises:
        PreconditionFailed: another commit came after that version; nothing was written.
        DataError: the rows have not the table's columns, or hold a reserved column.
    """
    if at.tzinfo is None:
        raise DataError("ingested at", "a time with a zone", at)
    return table.append(_tagged(rows, batch, at), batch, {**metadata, "batch": batch}, after=after)


def overlapping(
    table: Table, keys: Sequence[str], event_time: str, low: datetime, high: datetime
) -> pa.Table:
    """Return the key columns of the curated rows whose event time is in [low, high].

    Files whose statistics exclude the span are not read. Without a table there are no rows.
    """
    schema = table.schema()
    if schema is None:
        return pa.table({key: pa.array([], pa.null()) for key in keys})
    kind = _time_type(schema, event_time, table.uri)
    at = pc.field(event_time)
    inside = (at >= _bound(low, kind, event_time)) & (at <= _bound(high, kind, event_time))
    return table.read(keys, where=inside)


def training_rows(
    table: Table,
    ref: DatasetRef,
    event_time: str,
    columns: Sequence[str] | None = None,
    *,
    key: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the rows that `ref` names, ordered by event time, then key, then batch.

    The order is the same every time for the same reference. With `columns`, only these.

    Raises:
        DataError: no such version or column, or the window's bounds do not fit the event time.
    """
    order = [event_time, *key, BATCH]
    wanted = None if columns is None else list(dict.fromkeys([*columns, *order]))
    rows = table.read(wanted, where=_inside(table, ref, event_time), version=ref.version)
    # The sort is stable and the read is the same every time: ties keep the order of the files.
    ordered = rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in order]))
    kept = ordered if columns is None else ordered.select(list(columns))
    frame: pd.DataFrame = kept.to_pandas(date_as_object=False, split_blocks=True)
    return frame


def _inside(table: Table, ref: DatasetRef, event_time: str) -> Any:
    schema = table.schema()
    if schema is None:
        raise DataError(table.uri, "there is a table", "none", "Ingest a batch first.")
    kind, at = _time_type(schema, event_time, table.uri), pc.field(event_time)
    inside = None
    if ref.window.start is not None:
        inside = at >= _bound(ref.window.start, kind, event_time)
    if ref.window.end is not None:
        before = at < _bound(ref.window.end, kind, event_time)
        inside = before if inside is None else inside & before
    return inside


def _time_type(schema: pa.Schema, event_time: str, where: str) -> pa.DataType:
    if event_time not in schema.names:
        rule = f"the columns are of {', '.join(schema.names)}"
        raise DataError(where, rule, event_time)
    kind = schema.field(event_time).type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise DataError(f"column {event_time}", "event times are times or dates", kind)
    return kind


def _bound(time: datetime, kind: pa.DataType, event_time: str) -> Any:
    zoned = pa.types.is_timestamp(kind) and kind.tz is not None
    if zoned != (time.tzinfo is not None):
        rule = "bounds have a zone where the event times have one"
        raise DataError(f"column {event_time}", rule, time.isoformat())
    # A date is compared as its midnight.
    return pa.scalar(time, kind if zoned else pa.timestamp("us"))


def _tagged(rows: Path, batch: str, at: datetime) -> Callable[[], pa.RecordBatchReader]:
    def opened() -> pa.RecordBatchReader:
        file = pq.ParquetFile(rows, pre_buffer=False)
        schema = file.schema_arrow
        taken = sorted({BATCH, INGESTED_AT} & set(schema.names))
        if taken:
            rule = f"{BATCH} and {INGESTED_AT} are reserved"
            raise DataError("columns", rule, ", ".join(taken), "Rename the column.")
        for field in ADDED:
            schema = schema.append(field)
        stored_schema(schema)
        return pa.RecordBatchReader.from_batches(schema, _pieces(file, schema, batch, at))

    return opened


def _pieces(file: Any, schema: pa.Schema, batch: str, at: datetime) -> Iterator[pa.RecordBatch]:
    with file:
        for piece in file.iter_batches(ROWS_AT_ONCE):
            added = [
                pa.repeat(pa.scalar(value, field.type), piece.num_rows)
                for value, field in zip((batch, at), ADDED, strict=True)
            ]
            yield pa.RecordBatch.from_arrays([*piece.columns, *added], schema=schema)
