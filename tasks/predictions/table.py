"""The table of what a pipeline's models answered in service."""

from __future__ import annotations

import pyarrow as pa

from tasks.data.table import Table, table_in
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
    ]
)


def predictions_table(bucket: Bucket, pipeline: str) -> Table:
    """Return the predictions table of the pipeline of this name, which may not be there yet.

    A row is one answer; its columns are the same for every model version.

    - id: what the caller was given to ask about it by.
    - at: when it was answered (UTC, microseconds).
    - model_version, role: which model answered, as champion, shadow or canary.
    - key: canonical JSON of the pipeline's key columns, see `key_of`, personal or not, for labels
      are joined by it; empty where the row had not all of them, or the pipeline has no file or key.
    - features: JSON of the row as it was sent, without the columns that are personal.
    - value: JSON of the predicted label, or of the number.
    - probabilities: in the order of the manifest's classes; null for regression.
    """
    return table_in(bucket, Layout(pipeline).predictions)
