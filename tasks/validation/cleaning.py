"""Which accepted rows are kept, and the counts of those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet

from tasks.arrays import Mask
from tasks.config import Pipeline
from tasks.readers.frames import chunks
from tasks.readers.problem import FEW, Problem
from tasks.validation.keys import cut_partitions, find_candidates, partition_rows, take_rows
from tasks.validation.report import Cleaning
from tasks.validation.updates import (
    CHANGED,
    COMPLETED,
    NEW,
    REPEATED,
    ROW,
    Kinds,
    KnownRows,
    compare_within,
)

KEYS_AT_ONCE = 2_000_000  # rows compared with the curated table in one query
WAYS_ON = (
    "Let the newer row count with `data: {updates: newest}`, or keep both with "
    "`data: {updates: append}`; if the key does not identify a row, correct `key:`."
)


def find_dropped(
    path: Path, pipeline: Pipeline, known: KnownRows | None, retyped: tuple[str, ...]
) -> tuple[Mask, Cleaning, tuple[Problem, ...]]:
    """Return which rows of the Parquet file go, the counts, and what the pipeline refuses.

    What equals an earlier row of its key goes. What differs from it is refused, or counts
    instead of it, or beside it, as `data.updates` says. `known` compares rows with those of the
    curated table.
    """
    again = _compare(path, pipeline, known)
    newest = pipeline.data.updates == "newest"
    repeated = (again.within == REPEATED) | (again.known == REPEATED)
    # of several contents in one file the last counts: both would stand in one batch for ever
    dropped = repeated | again.superseded if newest else repeated
    absent = pl.scan_parquet(path).select(pl.col(pipeline.target).is_null())
    missing = absent.collect(engine="streaming").to_series().to_numpy()
    drop_missing = pipeline.data.missing_target == "drop"
    # A row is counted once, as a repetition before one without a target.
    aside = missing & ~dropped
    within = again.within == REPEATED
    changed = (again.known == CHANGED) & ~dropped
    cleaning = Cleaning(
        duplicates_in_batch=int(within.sum()),
        duplicates_known=int((repeated & ~within).sum()),
        missing_target=int(aside.sum()),
        missing_target_dropped=int(aside.sum()) if drop_missing else 0,
        retyped=retyped,
        completed=int(((again.known == COMPLETED) & ~dropped).sum()),
        changed=int(changed.sum()),
        changed_in_batch=int((again.within == CHANGED).sum()),
        superseding=newest,
        example=again.example,
    )
    problems = []
    key = ", ".join(pipeline.key)
    if pipeline.data.duplicates == "refuse":
        rows = (again.within != NEW) | (again.known != NEW)
        problems += _refusal("duplicates", key, rows, "repeat a key.")
    elif pipeline.data.updates == "refuse":
        rows = (again.within == CHANGED) | (again.known == CHANGED)
        what = f"with a key that is known with other content, such as {again.example}. {WAYS_ON}"
        problems += _refusal("changed rows", key, rows, what)
    if pipeline.data.missing_target == "refuse":
        problems += _refusal("missing target", pipeline.target, missing, "have no target.")
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


@dataclass(frozen=True, eq=False)
class _Compared:
    """What each of the (n,) rows is beside those of its file, and of the curated table."""

    within: Kinds
    known: Kinds
    superseded: Mask
    example: str = ""


def _compare(path: Path, pipeline: Pipeline, known: KnownRows | None) -> _Compared:
    count = pyarrow.parquet.read_metadata(path).num_rows
    names = pyarrow.parquet.read_schema(path).names
    within, met = np.zeros(count, np.uint8), np.zeros(count, np.uint8)
    superseded, examples = np.zeros(count, np.bool_), []
    if not pipeline.key:
        return _Compared(within, met, superseded)
    key, target, personal = pipeline.key, pipeline.target, pipeline.data.personal
    for places in cut_partitions(find_candidates(path, key), partition_rows(path)):
        rows = take_rows(path, names, places)
        at = rows[ROW].to_numpy()
        found, followed = compare_within(rows.drop(ROW), key, target, personal)
        within[at], superseded[at[followed]] = found.kinds, True
        examples += [] if found.example is None else [found.example[1]]
    if known is not None:
        # what repeats another row of its file is not compared a second time
        wanted = _met(path, key, known) & (within != REPEATED)
        for start, table in chunks(path, names, KEYS_AT_ONCE) if wanted.any() else ():
            here = np.flatnonzero(wanted[start : start + table.num_rows])
            came = known.compare(table.take(pa.array(here)))
            met[start + here] = came.kinds
            examples += [] if came.example is None else [came.example[1]]
    return _Compared(within, met, superseded, examples[0] if examples else "")


def _met(path: Path, key: Sequence[str], known: KnownRows) -> Mask:
    met = np.zeros(pyarrow.parquet.read_metadata(path).num_rows, np.bool_)
    for start, table in chunks(path, key, KEYS_AT_ONCE):
        met[start : start + table.num_rows] = known.meets(table)
    return met


def _refusal(rule: str, column: str, rows: Mask, what: str) -> list[Problem]:
    places = np.flatnonzero(rows)
    if not len(places):
        return []
    few = tuple(int(place) + 1 for place in places[:FEW])
    count = f"{len(places):,} row{'s' * (len(places) > 1)}"
    return [Problem(rule, column, f"{count} {what}", few)]
