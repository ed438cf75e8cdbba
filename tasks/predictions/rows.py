"""Logged answers as rows of the predictions table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from tasks.config import Pipeline
from tasks.predictions.key import key_of
from tasks.predictions.record import Record, as_json
from tasks.predictions.table import SCHEMA


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
