"""Reading back what was answered, and what is known by now of the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tasks.data.columns import from_polars
from tasks.data.curated import read_columns
from tasks.data.table_errors import translate_errors
from tasks.errors import ConfigurationError, NotFound
from tasks.labels.table import labels_table
from tasks.predictions.key import key_of
from tasks.predictions.live import OURS, Live, judged, keyed, with_truth
from tasks.predictions.table import SCHEMA, predictions_table
from tasks.promotion.versions import manifest_of
from tasks.store.bucket import Bucket
from tasks.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

CHAMPION = ("champion",)
MOST = 300_000
JUDGED = ("id", "at", "model_version", "key", "value", "probabilities")


@dataclass(frozen=True)
class Answers:
    """Rows of the predictions table, newest first, and whether older ones were left out."""

    rows: pa.Table
    cut: bool


def answers(
    bucket: Bucket,
    pipeline: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    keys: Sequence[Mapping[str, Any]] | None = None,
    ids: Sequence[str] | None = None,
    roles: Sequence[str] | None = CHAMPION,
    limit: int = 10_000,
    columns: Sequence[str] = SCHEMA.names,
) -> Answers:
    """Return what was answered in [start, end), newest first, at most `limit` rows.

    `keys` and `ids` ask for those only, `roles` for the models that had such a role (None: any);
    the times have a zone; `columns` hold `id` and `at`. Without a table there are no rows. See
    `predictions_table`.

    Raises:
        StoreError: the store did not answer.
    """
    import polars as pl

    table = predictions_table(bucket, pipeline)
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    if table.version() is None:
        return Answers(schema.empty_table(), cut=False)
    conditions = _conditions(start, end, keys, ids, roles)
    found = table.scan().filter(reduce(and_, conditions, pl.lit(value=True))).select(columns)
    with translate_errors(table.uri):
        frame = found.top_k(limit + 1, by=["at", "id"]).collect(engine="streaming")
    newest = frame.sort(["at", "id"], descending=True).head(limit)
    return Answers(from_polars(newest, schema), cut=len(frame) > limit)


def _conditions(
    start: datetime | None,
    end: datetime | None,
    keys: Sequence[Mapping[str, Any]] | None,
    ids: Sequence[str] | None,
    roles: Sequence[str] | None,
) -> list[pl.Expr]:
    import polars as pl

    at, conditions = pl.col("at"), []
    if start is not None:
        conditions.append(at >= start)
    if end is not None:
        conditions.append(at < end)
    if keys is not None:
        wanted = {key_of(key, tuple(key)) for key in keys} - {""}
        conditions.append(pl.col("key").is_in(sorted(wanted)))
    for column, asked in (("id", ids), ("role", roles)):
        if asked is not None:
            conditions.append(pl.col(column).is_in(list(asked)))
    return conditions


def live_performance(
    workspace: Workspace,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    roles: Sequence[str] = CHAMPION,
    limit: int = MOST,
) -> Live:
    """Judge what was answered in [start, end) by the labels that are known now.

    Of each key the latest answer counts. A label is the curated row's own target, else the one
    that came later. At most the newest `limit` answers are looked at.

    Raises:
        ConfigurationError: the pipeline has no key to join labels by.
        StoreError: the store did not answer.
        IntegrityError: the manifest of a model that answered does not hold.
    """
    pipeline = workspace.pipeline
    if not pipeline.key:
        remedy = "Name the columns that identify a row: key: [...]."
        rule = "labels are joined by the key"
        raise ConfigurationError(f"pipeline {pipeline.name}", rule, "no key", remedy)
    came = answers(
        workspace.bucket,
        workspace.name,
        start=start,
        end=end,
        roles=roles,
        limit=limit,
        columns=JUDGED,
    )
    columns = read_columns(workspace.curated)
    kinds = {} if columns is None else {name: columns.field(name).type for name in pipeline.key}
    latest = keyed(came.rows, kinds)
    known = with_truth(latest, _truth(workspace, latest), pipeline)
    versions = sorted(set(latest[f"{OURS}model_version"].to_list()))
    classes = {version: _classes(workspace, version) for version in versions}
    return judged(pipeline, known, classes, answered=came.rows.num_rows, cut=came.cut)


def _truth(workspace: Workspace, latest: pl.DataFrame) -> pl.DataFrame | None:
    """Return key and target of the keys that were answered, the curated rows' own first."""
    import polars as pl

    pipeline, labels = workspace.pipeline, labels_table(workspace.bucket, workspace.name)
    key, target = list(pipeline.key), pl.col(pipeline.target)
    wanted = latest.lazy().select(key) if len(latest) else None
    tables = [table for table in (workspace.curated, labels) if table.version()]
    if wanted is None or not tables:
        return None
    found = []
    for table in tables:
        told = table.scan().select([*key, pipeline.target]).filter(target.is_not_null())
        with translate_errors(table.uri):
            found.append(told.join(wanted, on=key, how="semi").collect(engine="streaming"))
    return pl.concat(found).unique(key, keep="first", maintain_order=True)


def _classes(workspace: Workspace, version: int) -> tuple[Any, ...] | None:
    try:
        return manifest_of(workspace, version).classes
    except NotFound:
        return None
