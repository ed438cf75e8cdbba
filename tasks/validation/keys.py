"""Finding equal rows among very many: hashes first, and only what shares one compared exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet

from tasks.arrays import Hashes
from tasks.readers.frames import CHUNK_BYTES

AT_ONCE = 32_000_000  # hashes sorted in one pass: 0.25 GB, and as much again for the copy
PARTITION = 2_000_000  # rows whose values are compared at once
SCHEMA = {"_row": pl.UInt64, "_hash": pl.UInt64}


def find_candidates(path: Path, columns: Sequence[str], at_once: int = AT_ONCE) -> pl.DataFrame:
    """Return the rows that share a 64-bit hash of `columns` with another, as `_row` and `_hash`.

    All others are unique. Rows with a missing value are left out. `at_once` hashes are sorted in
    one pass: some 0.5 GB are held, however many rows there are.
    """
    count = pyarrow.parquet.read_metadata(path).num_rows
    hashed = _hashed(path, columns)
    passes = -(-count // at_once)
    twice = pl.concat([pl.Series([], dtype=pl.UInt64), *_repeated(hashed, passes)])
    if not len(twice):
        return pl.DataFrame(schema=SCHEMA)
    shared = hashed.join(pl.LazyFrame({"_hash": twice}), on="_hash", how="semi")
    return shared.collect(engine="streaming").sort("_row")


def find_repeated(hashes: Hashes) -> Hashes:
    """Return the hashes, (n,) in any order, that occur more than once, each once, sorted.

    >>> find_repeated(np.array([5, 3, 5, 1], dtype=np.uint64)).tolist()
    [5]
    """
    ordered = np.sort(hashes)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def partition_rows(path: Path) -> int:
    """Return how many whole rows of a file are compared at once: fewer where they are wide."""
    metadata = pyarrow.parquet.read_metadata(path)
    groups = range(metadata.num_row_groups)
    size: int = sum(metadata.row_group(number).total_byte_size for number in groups)
    rows = int(metadata.num_rows)
    return max(1, min(PARTITION, CHUNK_BYTES * max(1, rows) // max(1, size)))


def cut_partitions(shared: pl.DataFrame, most: int = PARTITION) -> Iterator[pl.Series]:
    """Yield the row numbers of candidates, cut so that equal rows stay together.

    Each part holds `most` rows at most, unless one value alone has more.
    """
    pieces = -(-len(shared) // most)  # rounded up
    for number in range(pieces):
        rows = shared.filter(pl.col("_hash") % pieces == number)["_row"]
        if len(rows):
            yield rows


def take_rows(path: Path, columns: Sequence[str], places: pl.Series) -> pl.DataFrame:
    """Return `columns` of these rows, ordered, with their number as `_row`."""
    wanted = pl.LazyFrame({"_row": places})
    found = _numbered(path, columns).join(wanted, on="_row", how="semi")
    return found.collect(engine="streaming").sort("_row")


def _numbered(path: Path, columns: Sequence[str]) -> pl.LazyFrame:
    rows = pl.scan_parquet(path).select(*columns).with_row_index("_row")
    return rows.with_columns(pl.col("_row").cast(pl.UInt64))


def _hashed(path: Path, columns: Sequence[str]) -> pl.LazyFrame:
    # Polars' hashes are the same in one process and release, which is as long as they live.
    single = len(columns) == 1
    value = (pl.col(columns[0]) if single else pl.struct(columns)).hash(seed=7)
    return _numbered(path, columns).drop_nulls(list(columns)).select("_row", _hash=value)


def _repeated(hashed: pl.LazyFrame, passes: int) -> Iterator[pl.Series]:
    # Equal hashes have equal remainders, so each pass sees all of its own: a sort in shares.
    for number in range(passes):
        part = hashed.select("_hash").filter(pl.col("_hash") % passes == number)
        yield pl.Series(find_repeated(part.collect(engine="streaming").to_series().to_numpy()))
