"""Rows of Python values as Arrow tables and Parquet bytes, each value in the type it came in. Pure.

Exact numbers stay decimals, times keep their instant, and a column without a value has no type.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet

NUMBERS = {"int", "float", "Decimal"}


def make_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return the rows as a table.

    >>> rows = [(1, Decimal("2.50"), None), (None, Decimal("10.125"), None)]
    >>> make_table(["a", "b", "c"], rows).schema.types
    [DataType(int64), Decimal128Type(decimal128(5, 3)), DataType(null)]
    """
    columns = [_column(list(values)) for values in zip(*rows, strict=True)]
    return pa.table(dict(zip(names, columns, strict=True)))


def join_tables(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of tables with the same columns in types that hold them all.

    >>> join_tables([make_table(["a"], [(None,)]), make_table(["a"], [(1,)])]).schema.types
    [DataType(int64)]
    >>> join_tables([make_table(["a"], [("x",)]), make_table(["a"], [(1,)])])["a"].to_pylist()
    ['x', '1']
    """
    columns = {
        name: _joined([table.select([name]) for table in tables]) for name in tables[0].schema.names
    }
    return pa.table(columns)


def to_parquet(table: pa.Table, source: str) -> bytes:
    """Return the table as a Parquet file that says from which place of its source it is."""
    sink = io.BytesIO()
    marked = table.replace_schema_metadata({"collected": source})
    pyarrow.parquet.write_table(marked, sink, compression="zstd")
    return sink.getvalue()


def _column(values: list[Any]) -> pa.Array:
    plain = [_plain(value) for value in values]
    kinds = {_kind(value) for value in plain if value is not None}
    # SQLite holds values of any type in any column. Arrow would cut the time off a date among them.
    if len(kinds) <= 1 or kinds <= NUMBERS:
        exactly: list[Any] = [Decimal] if kinds <= NUMBERS - {"float"} else []
        ways = [None, *exactly, float] if kinds <= NUMBERS else [None]
        for way in ways:
            try:
                return pa.array([v if v is None or way is None else way(v) for v in plain])
            # Whole numbers of more than 64 bits; values of a type that Arrow does not know.
            except (pa.ArrowException, TypeError, ValueError, OverflowError):
                continue
    return pa.array([None if value is None else str(value) for value in plain], pa.string())


def _kind(value: Any) -> str:
    aware = isinstance(value, datetime) and value.tzinfo is not None
    return "instant" if aware else type(value).__name__


def _plain(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, dict | list):
        return json.dumps(value, default=str)
    if isinstance(value, memoryview):
        return value.tobytes()
    if isinstance(value, UUID):
        return str(value)
    return value


def _joined(parts: Sequence[pa.Table]) -> Any:
    try:
        return pa.concat_tables(parts, promote_options="permissive").column(0)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        texts = [
            [None if value is None else str(value) for value in part.column(0).to_pylist()]
            for part in parts
        ]
        return pa.chunked_array([pa.array(text, pa.string()) for text in texts])
