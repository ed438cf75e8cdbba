"""Finding equal rows among very many: hashes first, and only what shares one compared exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

Hashes = np.ndarray[Any, np.dtype[np.uint64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
PARTITION = 2_000_000


def hashes(rows: pl.LazyFrame, columns: Sequence[str]) -> Hashes:
    """Return a 64-bit hash of `columns` for each row, in order; the same within one process.

    Eight bytes a row are held: 0.8 GB for 100 million.
    """
    found = rows.select(_hashed(columns).alias("hash")).collect(engine="streaming")
    return found["hash"].to_numpy()


def repeated(found: Hashes) -> Hashes:
    """Return the sorted hashes that occur more than once.

    >>> repeated(np.array([5, 3, 5, 1], dtype=np.uint64)).tolist()
    [5]
    """
    ordered = np.sort(found)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def shares(found: Hashes, ordered: Hashes) -> Mask:
    """Return which hashes occur in the sorted `ordered`.

    >>> shares(np.array([5, 3], dtype=np.uint64), np.array([1, 5], dtype=np.uint64)).tolist()
    [True, False]
    """
    if not len(ordered):
        return np.zeros(len(found), dtype=np.bool_)
    places = np.searchsorted(ordered, found)
    places[places == len(ordered)] = 0
    return np.asarray(ordered[places] == found)


def partitions(found: Hashes, candidates: Mask) -> list[np.ndarray[Any, Any]]:
    """Return the positions of the candidates, cut so that equal rows stay together.

    Each part holds some two million positions at most, unless one value alone has more.
    """
    count = int(candidates.sum())
    if not count:
        return []
    pieces = -(-count // PARTITION)
    places = np.flatnonzero(candidates)
    if pieces == 1:
        return [places]
    part = found[places] % np.uint64(pieces)
    return [places[part == number] for number in range(pieces)]


def at(path: Path, columns: Sequence[str], places: np.ndarray[Any, Any]) -> pl.DataFrame:
    """Return `columns` of the rows at these sorted positions, with their position as `_row`."""
    wanted = pl.LazyFrame({"_row": places.astype(np.uint64)})
    number = pl.col("_row").cast(pl.UInt64)
    rows = pl.scan_parquet(path).select(*columns).with_row_index("_row").with_columns(number)
    return rows.join(wanted, on="_row", how="semi").collect(engine="streaming").sort("_row")


def later_twins(path: Path, columns: Sequence[str]) -> Mask:
    """Return which rows equal an earlier one in all of `columns`.

    Exact, and bounded: hashes that occur once are no twins, the others are compared by value.
    """
    found = hashes(pl.scan_parquet(path), columns)
    later = np.zeros(len(found), dtype=np.bool_)
    twice = repeated(found)
    if not len(twice):
        return later
    for places in partitions(found, shares(found, twice)):
        rows = at(path, columns, places)
        first = rows.select(pl.struct(columns).is_first_distinct()).to_series()
        later[rows["_row"].to_numpy()[~first.to_numpy()]] = True
    return later


def _hashed(columns: Sequence[str]) -> pl.Expr:
    if len(columns) == 1:
        return pl.col(columns[0]).hash(seed=7)
    return pl.struct(columns).hash(seed=7)
