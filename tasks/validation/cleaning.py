"""Which accepted rows are kept, and the counts of those that are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet

from tasks.arrays import Mask
from tasks.config import Pipeline
from tasks.readers.frames import chunks
from tasks.readers.problem import FEW, Problem
from tasks.validation.keys import find_later_twins
from tasks.validation.report import Cleaning

KnownKeys = Callable[[pa.Table], Mask]
KEYS_AT_ONCE = 2_000_000  # keys compared with the curated table in one query


def find_dropped(
    path: Path, pipeline: Pipeline, known: KnownKeys | None, retyped: tuple[str, ...]
) -> tuple[Mask, Cleaning, tuple[Problem, ...]]:
    """Return which rows of the Parquet file go, the counts, and what the pipeline refuses.

    Of rows with an equal key the first stays. `known` takes a table of the key columns and
    returns a boolean for each row: already in the curated table.
    """
    twins, met = _duplicates(path, pipeline, known)
    absent = pl.scan_parquet(path).select(pl.col(pipeline.target).is_null())
    missing = absent.collect(engine="streaming").to_series().to_numpy()
    drop_missing = pipeline.data.missing_target == "drop"
    dropped = twins | met
    # A row is counted once, as a repetition before one without a target.
    aside = missing & ~dropped
    cleaning = Cleaning(
        duplicates_in_batch=int(twins.sum()),
        duplicates_known=int((met & ~twins).sum()),
        missing_target=int(aside.sum()),
        missing_target_dropped=int(aside.sum()) if drop_missing else 0,
        retyped=retyped,
    )
    problems = []
    if pipeline.data.duplicates == "refuse":
        problems += _refusal("duplicates", ", ".join(pipeline.key), twins | met, "repeat a key")
    if pipeline.data.missing_target == "refuse":
        problems += _refusal("missing target", pipeline.target, missing, "have no target")
    return (dropped | missing if drop_missing else dropped), cleaning, tuple(problems)


def write_kept(path: Path, dropped: Mask, target: Path) -> Path:
    """Return a Parquet file of the rows that stay: `path` itself where none is dropped.

    `dropped` is (n,) for a file of n rows, true for each that goes; the others go to `target`.
    """
    if not dropped.any():
        return path
    schema = pyarrow.parquet.read_schema(path)
    with pyarrow.parquet.ParquetWriter(target, schema, compression="lz4") as writer:
        for start, table in chunks(path, schema.names):
            stay = ~dropped[start : start + table.num_rows]
            if stay.any():
                writer.write_table(table.filter(pa.array(stay)))
    return target


def _duplicates(path: Path, pipeline: Pipeline, known: KnownKeys | None) -> tuple[Mask, Mask]:
    if not pipeline.key:
        none = np.zeros(pyarrow.parquet.read_metadata(path).num_rows, dtype=np.bool_)
        return none, none
    twins = find_later_twins(path, pipeline.key)
    met = np.zeros(len(twins), dtype=np.bool_)
    if known is not None:
        for start, table in chunks(path, pipeline.key, KEYS_AT_ONCE):
            met[start : start + table.num_rows] = known(table)
    return twins, met


def _refusal(rule: str, column: str, rows: Mask, what: str) -> list[Problem]:
    places = np.flatnonzero(rows)
    if not len(places):
        return []
    few = tuple(int(place) + 1 for place in places[:FEW])
    return [Problem(rule, column, f"{len(places):,} rows {what}.", few)]
