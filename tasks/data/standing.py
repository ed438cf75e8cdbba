"""Which rows stand: those that no later batch corrected. What is superseded stays in the table.

A correction is one more row of the same key, and its batch's commit says that it corrects. Which
rows stand is then told by the version and the batches that are left out, and by nothing else: a
version read again gives the same rows, whatever the pipeline's file says by then.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tasks.data.commits import Commit
from tasks.data.table import Table
from tasks.store.layout import BATCH

if TYPE_CHECKING:
    import polars as pl

CORRECTS = "corrects"  # in what a commit says: how many of its rows supersede earlier ones
POSITION, SINCE = f"{BATCH}.position", f"{BATCH}.since"


def scan_standing(
    table: Table,
    key: Sequence[str],
    *,
    version: int | None = None,
    without: Collection[str] = (),
) -> pl.LazyFrame:
    """Return the rows of a version that stand, as if the batches `without` had never come.

    Raises:
        DataError: there is no table yet, or no such version.
    """
    rows = table.scan(version)
    return standing(rows, key, table.history() if key else (), without)


def standing(
    rows: pl.LazyFrame,
    key: Sequence[str],
    commits: Sequence[Commit],
    without: Collection[str] = (),
) -> pl.LazyFrame:
    """Return the rows whose key no later batch corrected.

    Args:
        rows: of the curated table, with the batch of each.
        key: the columns that identify a row; without any, every row stands.
        commits: the table's, of which some say that their batch corrects.
        without: batches that are left out, and correct nothing.
    """
    import polars as pl

    if without:
        rows = rows.filter(~pl.col(BATCH).is_in(list(without)))
    told = [commit for commit in commits if "batch" in commit.metadata]
    correcting = [commit.metadata["batch"] for commit in told if commit.metadata.get(CORRECTS)]
    if not key or not correcting:
        return rows
    # by the order of the commits: the clocks of two machines may disagree
    order = {commit.metadata["batch"]: commit.version for commit in told}
    position = pl.col(BATCH).replace_strict(order, default=-1, return_dtype=pl.Int64)
    numbered = rows.with_columns(position.alias(POSITION))
    # only the keys of the batches that correct are held, not those of the whole table
    corrected = numbered.filter(pl.col(BATCH).is_in(correcting))
    since = corrected.group_by(list(key)).agg(pl.col(POSITION).max().alias(SINCE))
    met = numbered.join(since, on=list(key), how="left")
    stands = pl.col(SINCE).is_null() | (pl.col(POSITION) >= pl.col(SINCE))
    return met.filter(stands).drop(POSITION, SINCE)
