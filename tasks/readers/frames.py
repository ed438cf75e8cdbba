"""The rows on disk, as the pandas frames that expectations are evaluated on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from tasks.readers.kinds import kind_of
from tasks.readers.source import MIB

CHUNK_ROWS = 1_000_000
CHUNK_BYTES = 192 * MIB
READ_ROWS = 65_536
EXACT = 2**53


def chunks(
    path: Path, columns: Sequence[str], rows: int = CHUNK_ROWS
) -> Iterator[tuple[int, pa.Table]]:
    """Yield (position of the first row, rows) of a Parquet file, each piece of bounded size."""
    start = 0
    waiting: list[Any] = []
    count = size = 0
    with pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=min(rows, READ_ROWS), columns=list(columns)):
            waiting.append(batch)
            count += batch.num_rows
            size += batch.nbytes
            if count >= rows or size >= CHUNK_BYTES:
                yield start, pa.Table.from_batches(waiting)
                start += count
                waiting, count, size = [], 0, 0
    if waiting:
        yield start, pa.Table.from_batches(waiting)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return the rows with a fresh index, times naive UTC, no integer rounded.

    Missing numbers are NaN, missing booleans None.
    """
    columns = {}
    for field in table.schema:
        values = table.column(field.name)
        if kind_of(field.type) == "timestamp":
            values = values.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
        columns[field.name] = _series(values, field.type)
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)


def _series(values: Any, type_: Any) -> Any:
    if kind_of(type_) == "integer" and values.null_count and _large(values):
        return values.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return values.to_pandas(date_as_object=False)


def _large(values: Any) -> bool:
    ends = pc.min_max(values).as_py()
    return bool(max(abs(ends["min"] or 0), abs(ends["max"] or 0)) > EXACT)
