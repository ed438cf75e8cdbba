"""Which column types a table stores, and how arriving rows are brought to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet
from pyarrow.dataset import ParquetFragmentScanOptions, Scanner, dataset

from tasks.data.widening import split_widened
from tasks.errors import DataError

# Delta knows signed integers alone. An unsigned one of 64 bits must fit: the cast is checked.
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
NUMBERS = pa.list_(pa.float64())  # the probabilities of a prediction
ROWS_AT_ONCE = 65_536  # one batch of the stream that is written
# Memory by the batch, not by the file.
BOUNDED = {"batch_readahead": 1, "fragment_readahead": 1, "use_threads": False}


@dataclass(frozen=True)
class FileRows:
    """The rows of a Parquet file, each with the same values added, and without some columns."""

    path: Path
    added: Mapping[str, pa.Scalar] = field(default_factory=dict)
    leave_out: frozenset[str] = frozenset()

    @property
    def schema(self) -> pa.Schema:
        """The columns, the added ones last."""
        here = parquet.read_schema(self.path)
        schema = pa.schema([column for column in here if column.name not in self.leave_out])
        for name, value in self.added.items():
            schema = schema.append(pa.field(name, value.type))
        return schema


Rows: TypeAlias = pa.Table | pa.RecordBatchReader | FileRows


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
    >>> stored_type("probabilities", pa.list_(pa.float64()))
    ListType(list<item: double>)
    """
    if pa.types.is_dictionary(kind):
        return stored_type(column, kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", None if kind.tz is None else "UTC")
    if kind == NUMBERS:
        return NUMBERS
    widened = WIDENED.get(kind, kind)
    if widened in NATIVE or pa.types.is_decimal128(widened):
        return widened
    rule = "a column holds numbers, booleans, texts, dates, times or lists of float64"
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
    return pa.schema(
        [pa.field(column.name, stored_type(column.name, column.type)) for column in schema]
    )


def check_same_columns(came: pa.Schema, table: pa.Schema, where: str) -> None:
    """Check that rows fit a table: the same names with the same types, in any order.

    Raises:
        DataError: a column is missing, new, or of another type; each one is named.
    """
    ours = {column.name: column.type for column in table}
    theirs = {column.name: column.type for column in came}
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


def check_known_columns(asked: Sequence[str], table: pa.Schema, where: str) -> None:
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


def align(rows: Rows, schema: pa.Schema) -> pa.RecordBatchReader:
    """Return a stream of the rows, brought to the columns of `schema`, as they are stored.

    Raises:
        DataError: a value in a table does not fit its column's type.
    """
    # No Python may run while the stream is read (but that of a reader that was given): the Delta
    # writer reads on threads that others wait for, and one of these may hold the interpreter.
    came = rows.schema
    stored = {column.name: column.type for column in schema}
    sources = {name: split_widened(stored, name) for name in stored}
    if isinstance(rows, pa.Table):
        fitting = [_fitting(rows, sources[column.name], column) for column in schema]
        return pa.Table.from_arrays(fitting, schema=schema).to_reader(ROWS_AT_ONCE)
    added = rows.added if isinstance(rows, FileRows) else {}
    columns = {}
    for column in schema:
        name, source = column.name, sources[column.name]
        if source is None:
            columns[name] = pc.scalar(pa.scalar(None, column.type))
            continue
        values = pc.scalar(added[source]) if source in added else pc.field(source)
        columns[name] = _cast(values, came.field(source), column)
    if isinstance(rows, pa.RecordBatchReader):
        return Scanner.from_batches(rows, columns=columns, **BOUNDED).to_reader()
    # Reading ahead, and whole row groups at once, would take memory by the file's size.
    options = ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
    return (
        dataset(rows.path, format="parquet")
        .scanner(columns=columns, batch_size=ROWS_AT_ONCE, fragment_scan_options=options, **BOUNDED)
        .to_reader()
    )


def _cast(values: Any, came: pa.Field, column: pa.Field) -> Any:
    if came.type == column.type:
        return values
    # Times finer than a microsecond, which Delta cannot hold, are cut; all else must fit.
    finer = pa.types.is_timestamp(came.type) and came.type.unit == "ns"
    return values.cast(column.type, safe=not finer)


def _fitting(rows: pa.Table, source: str | None, column: pa.Field) -> pa.ChunkedArray:
    if source is None:
        return pa.chunked_array([pa.nulls(rows.num_rows, column.type)])
    values = rows.column(source)
    try:
        return _cast(values, pa.field(column.name, values.type), column)
    except pa.ArrowInvalid as error:
        rule = f"every value fits {column.type}"
        raise DataError(f"column {column.name}", rule, error) from error
