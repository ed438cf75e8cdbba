"""Columns of whole numbers that hold numbers since some version: two columns that read as one.

Delta's Parquet files keep whole numbers as they were written, so from then on the numbers lie in a
column beside them. Who reads the table sees one column of numbers; older rows keep their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import polars as pl

BESIDE = "_number:"  # in front of the name of a widened column: where its numbers lie
NUMBER = pa.float64()


def widened(schema: pa.Schema) -> tuple[str, ...]:
    """Return the columns that were widened, of a schema as it is stored.

    >>> widened(pa.schema([("a", pa.int64()), ("_number:a", pa.float64())]))
    ('a',)
    """
    names = [name.removeprefix(BESIDE) for name in schema.names if name.startswith(BESIDE)]
    return tuple(name for name in names if name in schema.names)


def as_read(schema: pa.Schema) -> pa.Schema:
    """Return a stored schema as its readers see it.

    >>> as_read(pa.schema([("a", pa.int64()), ("_number:a", pa.float64())])).field("a").type
    DataType(double)
    """
    wide = widened(schema)
    beside = {f"{BESIDE}{name}" for name in wide}
    return pa.schema(
        [
            pa.field(column.name, NUMBER) if column.name in wide else column
            for column in schema
            if column.name not in beside
        ]
    )


def as_stored(came: pa.Schema, table: pa.Schema) -> pa.Schema:
    """Return a table's stored schema, with the columns and numbers that came added to it.

    >>> before = pa.schema([("a", pa.int64())])
    >>> as_stored(pa.schema([("a", pa.float64()), ("b", pa.string())]), before).names
    ['a', '_number:a', 'b']
    """
    columns = {column.name: column for column in table}
    for column in came:
        known = columns.setdefault(column.name, column)
        if pa.types.is_integer(known.type) and column.type == NUMBER:
            columns.setdefault(f"{BESIDE}{column.name}", pa.field(f"{BESIDE}{column.name}", NUMBER))
    return pa.schema(list(columns.values()))


def beside(schema: pa.Schema) -> pa.Schema:
    """Return the columns that a table's file is read with, so that `join_beside` makes `schema`.

    >>> beside(pa.schema([("a", pa.float64()), ("b", pa.string())])).names
    ['a', 'b', '_number:a']
    """
    numbers = [column.name for column in schema if column.type == NUMBER]
    return pa.schema([*schema, *(pa.field(f"{BESIDE}{name}", NUMBER) for name in numbers)])


def join_beside(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows that were read as `beside` said, with each widened column as one.

    >>> schema = pa.schema([("a", pa.float64())])
    >>> rows = pa.table({"a": [1.0, None], "_number:a": [None, 2.5]}, schema=beside(schema))
    >>> join_beside(rows, schema).to_pydict()
    {'a': [1.0, 2.5]}
    """
    both = [
        pc.coalesce(rows.column(f"{BESIDE}{name}"), rows.column(name))
        if f"{BESIDE}{name}" in rows.column_names
        else rows.column(name)
        for name in schema.names
    ]
    return pa.Table.from_arrays(both, schema=schema)


def merge_widened(rows: pl.LazyFrame, wide: tuple[str, ...]) -> pl.LazyFrame:
    """Return scanned rows with each widened column as one."""
    import polars as pl

    if not wide:
        return rows
    both = [
        pl.coalesce(f"{BESIDE}{name}", pl.col(name).cast(pl.Float64)).alias(name) for name in wide
    ]
    return rows.with_columns(both).drop(f"{BESIDE}{name}" for name in wide)


def split_widened(columns: Mapping[str, pa.DataType], name: str) -> str | None:
    """Return where the values of a stored column come from; None where it is left empty.

    `columns` is the stored schema.

    >>> stored = {"a": pa.int64(), "_number:a": pa.float64(), "b": pa.string()}
    >>> [split_widened(stored, name) for name in stored]
    [None, 'a', 'b']
    """
    base = name.removeprefix(BESIDE)
    if base != name and base in columns:
        return base
    return None if f"{BESIDE}{name}" in columns else name
