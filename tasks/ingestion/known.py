"""Which keys of a batch are already in the curated table."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from tasks.arrays import Mask
from tasks.data.table import Table
from tasks.data.table_errors import translate_errors
from tasks.validation.cleaning import KnownKeys


def known_keys(table: Table, version: int, key: Sequence[str]) -> KnownKeys:
    """Return a function from a table of key columns to a boolean for each row.

    It compares the values themselves with one version of the curated table, of which only the
    key columns are read, and only files whose statistics meet the batch's range of keys.
    """

    def known(keys: pa.Table) -> Mask:
        ours = pl.DataFrame(pl.from_arrow(keys)).select(key)
        first = key[0]
        low, high = ours[first].min(), ours[first].max()
        theirs = (
            table.scan(version)
            .select(key)
            .filter(pl.col(first).is_between(pl.lit(low), pl.lit(high)))
        )
        met = theirs.join(ours.lazy(), on=list(key), how="semi").unique()
        marked = ours.lazy().join(
            met.with_columns(_known=pl.lit(True)), on=list(key), how="left", maintain_order="left"
        )
        # A store that goes away while the keys are read says nothing of the batch.
        with translate_errors(table.uri):
            column = marked.select(pl.col("_known").fill_null(False)).collect(engine="streaming")
        return column.to_series().to_numpy()

    return known
