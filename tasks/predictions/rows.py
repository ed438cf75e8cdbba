"""Logged answers as rows of the predictions table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from tasks.config import Pipeline
from tasks.predictions.record import Record, as_json
from tasks.predictions.table import SCHEMA


def key_of(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """Return the canonical JSON of a row's key, or an empty text where a part of it is missing.

    Names are sorted, and a whole number is written as one: 3.0 is 3.

    >>> key_of({"b": 3.0, "a": "x", "more": 1}, ["b", "a"])
    '{"a":"x","b":3}'
    >>> key_of({"a": None}, ["a"])
    ''
    """
    parts = {name: _whole(row.get(name)) for name in columns}
    missing = not parts or any(value is None or value == "" for value in parts.values())
    return "" if missing else as_json(parts, ordered=True)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def rows_of(records: Iterable[Record], pipeline: Pipeline | None) -> pa.Table:
    """Return the answers as rows, in their order; see `predictions_table` for the columns.

    Without a pipeline file the key is empty and no column is known to be personal.
    """
    key: Sequence[str] = () if pipeline is None else pipeline.key
    hidden = frozenset(() if pipeline is None else pipeline.data.personal)
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for record in records:
        count = len(record.ids)
        chances: Sequence[Any] = record.probabilities or [None] * count
        told: dict[str, Sequence[Any]] = {
            "id": record.ids,
            "at": [round(record.at * 1e6)] * count,
            "model_version": [record.version] * count,
            "role": [record.role] * count,
            "key": [key_of(row, key) for row in record.rows],
            "features": [as_json(_shown(row, hidden)) for row in record.rows],
            "value": [as_json(value) for value in record.values],
            "probabilities": chances,
        }
        for name, values in told.items():
            columns[name].extend(values)
    return pa.table(columns, SCHEMA)


def _shown(row: Mapping[str, Any], hidden: frozenset[str]) -> Mapping[str, Any]:
    return {name: value for name, value in row.items() if name not in hidden} if hidden else row
