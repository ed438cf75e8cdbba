"""Which rows stand: those that no later batch corrected. What is superseded stays in the table.

A correction is one more row of the same key, and its batch's commit says that it corrects. Which
rows stand is then told by the version and the batches that are left out, and by nothing else: a
version read again gives the same rows, whatever the pipeline's file says by then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from tasks.data.commits import Commit
from tasks.data.table import Table
from tasks.data.table_errors import translate_errors
from tasks.store.layout import BATCH

if TYPE_CHECKING:
    import polars as pl

CORRECTS = "corrects"  # in what a commit says: how many of its rows supersede earlier ones
POSITION, SINCE, ROW = f"{BATCH}.position", f"{BATCH}.since", f"{BATCH}.row"


def scan_standing(
    table: Table,
    key: Sequence[str],
    *,
    version: int | None = None,
    without: Collection[str] = (),
    held: Collection[str] = (),
) -> pl.LazyFrame:
    """Return the rows of a version that stand, as if the batches `without` had never come.

    The batches `held` are there, and correct nothing.

    Raises:
        DataError: there is no table yet, or no such version.
    """
    rows = table.scan(version)
    return standing(rows, key, table.history() if key else (), without, held)


def standing(
    rows: pl.LazyFrame,
    key: Sequence[str],
    commits: Sequence[Commit],
    without: Collection[str] = (),
    held: Collection[str] = (),
) -> pl.LazyFrame:
    """Return the rows whose key no later batch corrected.

    Args:
        rows: of the curated table, with the batch of each.
        key: the columns that identify a row; without any, every row stands.
        commits: the table's, of which some say that their batch corrects.
        without: batches that are left out, and correct nothing.
        held: batches that stay, and correct nothing.
    """
    import polars as pl

    if without:
        rows = rows.filter(~pl.col(BATCH).is_in(list(without)))
    found = _corrections(rows, key, commits, held)
    return rows if found is None else found.leave(rows)


@dataclass(frozen=True)
class Corrections:
    """What later batches corrected: of each key the place of the last batch that did.

    `order` is the place of every batch, `since` has the key's columns and that place.
    """

    key: tuple[str, ...]
    order: Mapping[str, int]
    since: pl.LazyFrame

    def leave(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Return the rows that stand, in no certain order."""
        import polars as pl

        met = _numbered(rows, self.order).join(self.since, on=list(self.key), how="left")
        stands = pl.col(SINCE).is_null() | (pl.col(POSITION) >= pl.col(SINCE))
        return met.filter(stands).drop(POSITION, SINCE)

    def leave_in_order(self, rows: pa.Table) -> pa.Table:
        """Return the rows that stand, of some that have the key's columns and the batch."""
        import polars as pl

        told = pl.DataFrame(pl.from_arrow(rows.select([*self.key, BATCH]))).lazy()
        left = self.leave(told.with_row_index(ROW)).collect()
        return rows.take(left[ROW].sort().to_arrow())


def find_corrections(table: Table, key: Sequence[str], version: int | None) -> Corrections | None:
    """Return what was corrected up to a version, its keys in memory; None where nothing was.

    Raises:
        DataError: there is no table yet, or no such version.
    """
    found = _corrections(table.scan(version), key, table.history()) if key else None
    if found is None:
        return None
    with translate_errors(table.uri):
        return replace(found, since=found.since.collect(engine="streaming").lazy())


def _corrections(
    rows: pl.LazyFrame,
    key: Sequence[str],
    commits: Sequence[Commit],
    held: Collection[str] = (),
) -> Corrections | None:
    import polars as pl

    told = [commit for commit in commits if "batch" in commit.metadata]
    corrects = {commit.metadata["batch"] for commit in told if commit.metadata.get(CORRECTS)}
    correcting = sorted(corrects - {*held})
    if not key or not correcting:
        return None
    # by the order of the commits: the clocks of two machines may disagree
    order = {commit.metadata["batch"]: commit.version for commit in told}
    # only the keys of the batches that correct are held, not those of the whole table
    corrected = _numbered(rows, order).filter(pl.col(BATCH).is_in(correcting))
    since = corrected.group_by(list(key)).agg(pl.col(POSITION).max().alias(SINCE))
    return Corrections(tuple(key), order, since)


def _numbered(rows: pl.LazyFrame, order: Mapping[str, int]) -> pl.LazyFrame:
    import polars as pl

    position = pl.col(BATCH).replace_strict(order, default=-1, return_dtype=pl.Int64)
    return rows.with_columns(position.alias(POSITION))
