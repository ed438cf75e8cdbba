"""A pipeline's labels that came after their rows: key, target, and the file that brought them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from tasks.config import Pipeline
from tasks.data.table import Table, table_in
from tasks.errors import ConfigurationError
from tasks.store.bucket import Bucket
from tasks.store.layout import BATCH, Layout

if TYPE_CHECKING:
    import pandas as pd

LABELLED_AT = "_labelled_at"


def labels_table(bucket: Bucket, pipeline: str) -> Table:
    """Return the labels table of the pipeline of this name, which may not be there yet."""
    return table_in(bucket, Layout(pipeline).labels)


def labels_version(bucket: Bucket, pipeline: Pipeline) -> int | None:
    """Return the newest version of the labels, or None where none ever came."""
    return labels_table(bucket, pipeline.name).data_version() if pipeline.key else None


def check_key(pipeline: Pipeline) -> None:
    """Check that labels of this pipeline can be joined to their rows.

    Raises:
        ConfigurationError: it has no key.
    """
    if not pipeline.key:
        where, rule = f"pipeline {pipeline.name}", "labels are joined by the key"
        remedy = "Name the columns that identify a row: key: [...]."
        raise ConfigurationError(where, rule, "no key", remedy)


def load_labels(
    bucket: Bucket, pipeline: Pipeline, version: int | None, *, without: Collection[str] = ()
) -> pd.DataFrame:
    """Return key, target, and when each label came (`_labelled_at`, UTC); the newest of each key.

    Labels that the files `without` brought are left out.
    """
    import pandas as pd
    import polars as pl
    import pyarrow.compute as pc

    columns = [*pipeline.key, pipeline.target, LABELLED_AT]
    # no label ever came: joined to rows, no rows of the right columns change nothing
    if version is None:
        return pd.DataFrame(columns=columns)
    rows = labels_table(bucket, pipeline.name).read(
        columns, where=~pl.col(BATCH).is_in(list(without)) if without else None, version=version
    )
    rows = rows.take(pc.sort_indices(rows, sort_keys=[(LABELLED_AT, "ascending")]))
    frame: pd.DataFrame = rows.to_pandas(date_as_object=False)
    return frame.drop_duplicates(list(pipeline.key), keep="last", ignore_index=True)
