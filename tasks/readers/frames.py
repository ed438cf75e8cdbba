"""The rows on disk, as the pandas frames that expectations are evaluated on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from tasks.readers.coerce import MOST_EXACT
from tasks.readers.kinds import kind_of
from tasks.readers.problem import FEW
from tasks.readers.source import MIB

CHUNK_ROWS = 1_000_000  # one pandas frame; fewer where they are wide, see next line
CHUNK_BYTES = 192 * MIB
AT_ONCE = 4  # row groups; ours hold 64 MiB
READ_ROWS = 65_536  # asked of Arrow at once, so that a piece passes its bound by little


def chunks(
    path: Path, columns: Sequence[str], rows: int = CHUNK_ROWS
) -> Iterator[tuple[int, pa.Table]]:
    """Yield (position of the first row, rows) of a Parquet file, each piece of bounded size."""
    start = 0
    # Buffering ahead would hold whole row groups, which a sender chose the size of.
    with pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:
        count, names = min(rows, READ_ROWS), list(columns)
        groups = range(file.num_row_groups)
        # A batch may span any number of groups, and those of long texts have few rows.
        batches = (
            batch
            for first in groups[::AT_ONCE]
            for batch in file.iter_batches(count, groups[first : first + AT_ONCE], names)
        )
        for gathered in gather(batches, rows, CHUNK_BYTES):
            table = pa.Table.from_batches(gathered)
            yield start, table
            start += table.num_rows


def gather(parts: Iterable[Any], rows: int, size: int) -> Iterator[list[Any]]:
    """Yield Arrow tables or batches together, as soon as they have so many rows or bytes."""
    waiting: list[Any] = []
    count = held = 0
    for part in parts:
        waiting.append(part)
        count += part.num_rows
        held += part.nbytes
        if count >= rows or held >= size:
            yield waiting
            waiting, count, held = [], 0, 0
    if waiting:
        yield waiting


def find_places(path: Path, name: str, mask: Callable[[Any], Any]) -> tuple[int, ...]:
    """Return where in a Parquet file the first few values of a column are that are masked.

    `mask` takes the column's values, some rows at a time, and returns a boolean for each.
    """
    places: list[int] = []
    for start, table in chunks(path, [name]):
        masked = pc.indices_nonzero(mask(table.column(name))).slice(0, FEW - len(places))
        places += [start + place for place in masked.to_pylist()]
        if len(places) >= FEW:
            break
    return tuple(places)


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
    if kind_of(type_) == "integer" and values.null_count:
        ends = pc.min_max(values).as_py()
        # With nulls pandas makes floats of integers, which skip some beyond 2^53.
        if max(abs(ends["min"] or 0), abs(ends["max"] or 0)) > MOST_EXACT:
            return values.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return values.to_pandas(date_as_object=False)
