"""The kinds of values that a column can hold, and their Arrow types."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from expectations.suite import KINDS

NUMERIC = ("integer", "number")
TIMES = ("date", "timestamp")
AS_WRITTEN = {b"exact": b"yes"}  # of a column in which 007 is not 7
TYPES: dict[str, Any] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
}


def kind_of(type_: Any) -> str | None:
    """Return the kind of an Arrow type, or None where a batch cannot hold it.

    >>> kind_of(pa.int16()), kind_of(pa.dictionary(pa.int8(), pa.string())), kind_of(pa.binary())
    ('integer', 'string', None)
    """
    is_ = pa.types
    if is_.is_dictionary(type_):
        return kind_of(type_.value_type)
    tests = {
        "string": is_.is_string(type_) or is_.is_large_string(type_) or is_.is_string_view(type_),
        "integer": is_.is_integer(type_),
        "number": is_.is_floating(type_) or is_.is_decimal(type_),
        "boolean": is_.is_boolean(type_),
        "timestamp": is_.is_timestamp(type_),
        "date": is_.is_date(type_),
    }
    return next((kind for kind in KINDS if tests[kind]), None)


def exact(schema: pa.Schema, names: Collection[str]) -> pa.Schema:
    """Return the schema with these columns marked: a text with zeros in front is no whole number.

    In a key 007 and 7 are two; in a quantity they are one.
    """
    return pa.schema(
        [column.with_metadata(AS_WRITTEN) if column.name in names else column for column in schema]
    )


def kinds_of(schema: pa.Schema) -> dict[str, str]:
    """Return the kind of each column by its name; text where no batch can hold the type.

    >>> kinds_of(schema_of({"a": "integer", "b": "date"}))
    {'a': 'integer', 'b': 'date'}
    """
    return {column.name: kind_of(column.type) or "string" for column in schema}


def schema_of(kinds: dict[str, str]) -> pa.Schema:
    """Return the Arrow schema of named kinds.

    >>> schema_of({"a": "integer"}).field("a").type
    DataType(int64)
    """
    return pa.schema([pa.field(name, TYPES[kind]) for name, kind in kinds.items()])
