"""The table of what a pipeline's models answered in service, and the rows of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from tasks.config import Pipeline
from tasks.data.table import Table, table_in
from tasks.predictions.record import Record, as_json, key_of
from tasks.readers.private import conceal_row
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("model_version", pa.int64()),
        ("role", pa.string()),
        ("key", pa.string()),
        ("features", pa.string()),
        ("value", pa.string()),
        ("probabilities", pa.list_(pa.float64())),
        ("sender", pa.string()),
    ]
)
# Tables of release 0.1.0 lack it until this one adds a row.
ADDED = ("sender",)


def predictions_table(bucket: Bucket, pipeline: str) -> Table:
    """Return the predictions table of the pipeline of this name, which may not be there yet.

    A row is one answer; its columns are the same for every model version.

    - id: what the caller was given to ask about it by.
    - at: when it was answered (UTC, microseconds).
    - model_version, role: which model answered, as champion, shadow or canary.
    - key: canonical JSON of the pipeline's key columns, see `key_of`, personal or not, for labels
      are joined by it; empty where the row had not all of them, or the pipeline has no file or key.
    - features: JSON of the row as it was sent, without the columns that are personal; where there
      are any, a text that reads as a person's data in another column is left out too.
    - value: JSON of the predicted label, or of the number.
    - probabilities: in the order of the manifest's classes; null for regression.
    - sender: the name of the API key that it was asked with, empty without one; null where it was
      answered before that was recorded.
    """
    return table_in(bucket, Layout(pipeline).predictions)


def rows_of(records: Iterable[Record], pipeline: Pipeline | None) -> pa.Table:
    """Return the answers as rows of the table, in their order.

    Without a pipeline file the key is empty and no column is known to be personal.
    """
    key = () if pipeline is None else pipeline.key
    hidden = frozenset(() if pipeline is None else pipeline.data.personal)
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for record in records:
        count = len(record.ids)
        told: dict[str, Iterable[Any]] = {
            "id": record.ids,
            "at": [round(record.at * 1e6)] * count,
            "model_version": [record.version] * count,
            "role": [record.role] * count,
            "key": [key_of(row, key) for row in record.rows],
            "features": [as_json(conceal_row(row, hidden, key)) for row in record.rows],
            "value": [as_json(value) for value in record.values],
            "probabilities": record.probabilities or [None] * count,
            "sender": [record.sender] * count,
        }
        for name, values in told.items():
            columns[name].extend(values)
    return pa.table(columns, SCHEMA)
