"""Whether a pipeline's own function can be served, before anything is learned with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.config import Pipeline
from tasks.errors import StoreUnavailable
from tasks.settings import Settings
from tasks.store.connect import open_bucket

if TYPE_CHECKING:
    import pandas as pd


def check_transform(settings: Settings, pipeline: Pipeline) -> None:
    """Refuse a function that looks at other rows or at the target.

    It is tried on rows that came, before any came on made-up ones of the suite's columns; where
    there are neither, training tells.

    Raises:
        ConfigurationError: it cannot be imported, or not be served; the text says why.
    """
    if pipeline.features.transform is None:
        return
    from tasks.features.transform import check_servable, load_transform, make_up
    from tasks.validation.suite import find_suite

    load_transform(pipeline.features.transform)
    rows, made_up = _came(settings, pipeline), False
    if rows is None:
        columns = find_suite(pipeline.suite).columns
        if columns is None:
            return
        rows, made_up = make_up(columns), True
    check_servable(pipeline.features.transform, pipeline.target, rows, made_up=made_up)


def _came(settings: Settings, pipeline: Pipeline) -> pd.DataFrame | None:
    from tasks.data.curated import curated, read_columns
    from tasks.features.transform import SAMPLE

    try:
        table = curated(open_bucket(settings), pipeline.name)
        columns = read_columns(table)
        if columns is None:
            return None
        some = table.scan().select(columns.names).head(SAMPLE).collect()
    # deployments can be brought in line while the store is away
    except StoreUnavailable:
        return None
    rows: pd.DataFrame = some.to_arrow().to_pandas(date_as_object=False)
    return rows if len(rows) else None
