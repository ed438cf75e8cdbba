"""Which column types a table stores, and how arriving rows are brought to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.dataset import Scanner

from tasks.errors import DataError

WIDENED = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.float16(): pa.float32(),
    pa.date64(): pa.date32(),
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
}
NATIVE = frozenset(
    {
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()),
        *(pa.bool_(), pa.string(), pa.binary(), pa.date32()),
        *(pa.timestamp("us"), pa.timestamp("us", "UTC")),
    }
)
ROWS_AT_ONCE = 65_536
BOUNDED = {"batch_readahead": 1, "fragment_readahead": 1, "use_threads": False}
Rows: TypeAlias = pa.Table | pa.RecordBatchReader | Callable[[], pa.RecordBatchReader]


def opened_rows(rows: Rows) -> pa.RecordBatchReader:
    """Return a stream of the rows: of a table, of a reader as it is, or of what opens one."""
    if isinstance(rows, pa.Table):
        return rows.to_reader(max_chunksize=ROWS_AT_ONCE)
    return rows if isinstance(rows, pa.RecordBatchReader) else rows()


def stored_type(column: str, kind: pa.DataType) -> pa.DataType:
    """Return the type a column of this Arrow type is stored as.

    A time with a zone is stored as a UTC instant, a time without one stays wall-clock and is
    never given a zone; both in whole microseconds.

    Raises:
        DataError: the type has no stored form.

    >>> stored_type("departure", pa.timestamp("ns", "America/New_York"))
    TimestampType(timestamp[us, tz=UTC])
    >>> stored_type("departure", pa.timestamp("s"))
    TimestampType(timestamp[us])
    """
    if pa.types.is_dictionary(kind):
        return stored_type(column, kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", None if kind.tz is None else "UTC")
    widened = WIDENED.get(kind, kind)
    if widened in NATIVE or pa.types.is_decimal128(widened):
        return widened
    rule = "a column holds numbers, booleans, texts, dates or times"
    raise DataError(f"column {column}", rule, kind, "Give it one of these types, or leave it out.")


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema that rows of `schema` are stored with: every column may be missing.

    Raises:
        DataError: a name comes twice, there is no column, or a type has no stored form.
    """
    names = schema.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        came = f"{', '.join(twice)} twice" if twice else "no column"
        raise DataError("columns", "every row has columns of different names", came)
    return pa.schema([pa.field(at.name, stored_type(at.name, at.type)) for at in schema])


def same_columns(came: pa.Schema, table: pa.Schema, where: str) -> None:
    """Check that rows fit a table: the same names with the same types, in any order.

    Raises:
        DataError: a column is missing, new, or of another type; each one is named.
    """
    ours = {at.name: at.type for at in table}
    theirs = {at.name: at.type for at in came}
    faults = [f"{name} is missing" for name in ours if name not in theirs]
    faults += [f"{name} is new" for name in theirs if name not in ours]
    faults += [
        f"{name} is {theirs[name]}, not {kind}"
        for name, kind in ours.items()
        if theirs.get(name, kind) != kind
    ]
    if faults:
        remedy = "Bring the rows to the table's columns; a table's columns do not change."
        raise DataError(where, "the rows have the table's columns", "; ".join(faults), remedy)


def known_columns(asked: Sequence[str], table: pa.Schema, where: str) -> None:
    """Check that a table has the columns that are asked for.

    Raises:
        DataError: it has not; each one is named.
    """
    unknown = [name for name in asked if name not in table.names]
    if unknown:
        rule = f"the columns are of {', '.join(table.names)}"
        raise DataError(where, rule, ", ".join(unknown))


def from_polars(frame: Any, schema: pa.Schema) -> pa.Table:
    """Return a Polars frame as an Arrow table of this schema, cast piece by piece."""
    pieces = frame.to_arrow().to_batches(max_chunksize=ROWS_AT_ONCE)
    return pa.Table.from_batches([piece.cast(schema) for piece in pieces], schema)


def aligned(rows: pa.RecordBatchReader, schema: pa.Schema) -> pa.RecordBatchReader:
    """Return the stream brought to the columns of `schema`, which are its own in any order.

    No Python runs while it is read: the Delta writer reads on threads that others wait for,
    and would wait for ever for an interpreter that one of them holds.
    """
    columns = {at.name: _cast(at, rows.schema.field(at.name).type) for at in schema}
    return Scanner.from_batches(rows, columns=columns, **BOUNDED).to_reader()


def _cast(column: pa.Field, came: pa.DataType) -> Any:
    values = pc.field(column.name)
    if came == column.type:
        return values
    finer = pa.types.is_timestamp(came) and came.unit == "ns"
    return values.cast(column.type, safe=not finer)
