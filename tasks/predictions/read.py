"""Reading back what was answered, and what is known by now of the truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tasks.data.columns import from_polars
from tasks.data.curated import read_columns
from tasks.data.standing import scan_standing
from tasks.data.table_errors import translate_errors
from tasks.errors import NotFound
from tasks.labels.table import LABELLED_AT, check_key, labels_table
from tasks.predictions.live import OURS, Live, judged, keyed
from tasks.predictions.senders import share_out
from tasks.predictions.table import ADDED, SCHEMA, predictions_table
from tasks.promotion.versions import manifest_of
from tasks.store.bucket import Bucket
from tasks.store.layout import INGESTED_AT
from tasks.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

CHAMPION = ("champion",)
# Answers that are judged at once: they, and their labels, are held in memory.
MOST = 300_000
JUDGED = ("id", "at", "model_version", "key", "value", "probabilities", "sender")


def answers(
    bucket: Bucket,
    pipeline: str,
    *,
    start: datetime,
    roles: Sequence[str],
    limit: int,
    without: str | None = None,
) -> tuple[pa.Table, bool]:
    """Return what models of these roles answered since `start`, and whether older was left out.

    The newest stand first, of each sender by itself where there are too many; what was sent is not
    read, nor any answer to the sender `without`.

    Raises:
        StoreError: the store did not answer.
    """
    import polars as pl

    table, schema = predictions_table(bucket, pipeline), pa.schema(map(SCHEMA.field, JUDGED))
    sender = pl.col("sender")
    if table.version() is None:
        return schema.empty_table(), False
    since, role = pl.col("at") >= start, pl.col("role").is_in(list(roles))
    with translate_errors(table.uri):
        rows = table.scan()
        lacking = {*ADDED} - {*rows.collect_schema().names()}
        rows = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in lacking)
        rows = rows.with_columns(pl.col("sender").fill_null(""))
        rows = rows.filter(since, role, pl.lit(True) if without is None else sender != without)
        asked = rows.select(JUDGED)
        # one more than is asked for says whether there are more
        frame = _newest(asked, limit + 1)
        if cut := len(frame) > limit:
            frame = _newest_of_each(asked, limit)
    return from_polars(frame.sort(["at", "id"], descending=True), schema), cut


def _newest(rows: pl.LazyFrame, count: int) -> pl.DataFrame:
    return rows.top_k(count, by=["at", "id"]).collect(engine="streaming")


def _newest_of_each(rows: pl.LazyFrame, limit: int) -> pl.DataFrame:
    """Return the newest answers, so that no sender's keep the others' from being looked at."""
    import polars as pl

    sender = pl.col("sender")
    counts = dict(rows.group_by(sender).len().collect(engine="streaming").iter_rows())
    shares = share_out(counts, limit)
    whole = [name for name, count in counts.items() if shares[name] == count]
    parts = [_newest(rows.filter(sender.is_in(whole)), limit)]
    parts += [_newest(rows.filter(sender == name), shares[name]) for name in {*counts} - {*whole}]
    return pl.concat(parts)


def live_performance(
    workspace: Workspace,
    *,
    start: datetime,
    roles: Sequence[str] = CHAMPION,
    without: str | None = None,
) -> Live:
    """Judge what was answered since `start` by the labels that are known now.

    Of each key one answer counts, see `keyed`, and none to the sender `without`. A label is the
    curated row's own target, else the one that came later. At most the newest 300,000 answers are
    looked at.

    Raises:
        ConfigurationError: the pipeline has no key to join labels by.
        StoreError: the store did not answer.
        IntegrityError: the manifest of a model that answered does not hold.
    """
    pipeline = workspace.pipeline
    check_key(pipeline)
    which: dict[str, Any] = {"start": start, "roles": roles, "limit": MOST, "without": without}
    rows, cut = answers(workspace.bucket, workspace.name, **which)
    columns = read_columns(workspace.curated)
    kinds = {} if columns is None else {name: columns.field(name).type for name in pipeline.key}
    first, repeated = keyed(rows, kinds)
    truth = _truth(workspace, first)
    versions = sorted(set(first[f"{OURS}model_version"].to_list()))
    classes = {version: _classes(workspace, version) for version in versions}
    told = {"answered": rows.num_rows, "cut": cut, "repeated": repeated}
    return judged(pipeline, first, truth, classes, **told)


def _truth(workspace: Workspace, answered: pl.DataFrame) -> pl.DataFrame | None:
    import polars as pl

    pipeline, labels = workspace.pipeline, labels_table(workspace.bucket, workspace.name)
    key, target = list(pipeline.key), pl.col(pipeline.target)
    wanted = answered.lazy().select(key) if len(answered) else None
    tables = [table for table in (workspace.curated, labels) if table.version()]
    if wanted is None or not tables:
        return None
    parts = []
    for table in tables:
        ours = table is workspace.curated
        at = pl.col(INGESTED_AT if ours else LABELLED_AT).alias(f"{OURS}known")
        rows = scan_standing(table, key if ours else ())
        told = rows.select([*key, pipeline.target, at]).filter(target.is_not_null())
        with translate_errors(table.uri):
            parts.append(told.join(wanted, on=key, how="semi").collect(engine="streaming"))
    # the newest word counts: a row's own target, unless a label came after it and revised it
    known = pl.concat(parts, how="vertical_relaxed").sort(
        f"{OURS}known", descending=True, maintain_order=True
    )
    return known.unique(key, keep="first", maintain_order=True).drop(f"{OURS}known")


def _classes(workspace: Workspace, version: int) -> tuple[Any, ...] | None:
    try:
        return manifest_of(workspace, version).classes
    except NotFound:
        return None
