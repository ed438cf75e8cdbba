"""What the table, its history and the ledger say that earlier batches and a person settled."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from tasks.arrays import Mask
from tasks.config import Pipeline
from tasks.data.commits import Commit
from tasks.data.curated import read_columns
from tasks.data.standing import standing
from tasks.data.table import Table
from tasks.data.table_errors import translate_errors
from tasks.labels.table import labels_table
from tasks.ledger.entry import Entry
from tasks.records import read
from tasks.validation.changes import SchemaChanges, join_changes
from tasks.validation.classes import MOST
from tasks.validation.contract import Agreed
from tasks.validation.updates import Again, KnownRows, compare_rows
from tasks.workspace import Workspace

OPEN_COLUMNS = "open"  # in what a commit says: the columns of its batch that had no value


def find_agreed(workspace: Workspace, version: int | None) -> Agreed:
    """Return what one version of the curated table settles, and what a person accepted."""
    accepted = accepted_changes(workspace.ledger.entries("schema"))
    if version is None:
        return Agreed(accepted=accepted)
    table, pipeline = workspace.curated, workspace.pipeline
    columns, commits = read_columns(table), table.history()
    stands = standing(table.scan(version), pipeline.key, commits)
    settled = set() if columns is None else set(columns.names)
    return Agreed(
        columns,
        known_rows(table, stands, pipeline) if pipeline.key else None,
        known_classes(workspace, stands),
        open_columns(commits) - settled,
        accepted,
    )


def accepted_changes(entries: Iterable[Entry]) -> SchemaChanges:
    """Return the changes that persons accepted, all of them together."""
    told = (entry.figures.get("changes") for entry in entries)
    return join_changes(read(SchemaChanges, changes, "schema change") for changes in told)


def open_columns(commits: Sequence[Commit]) -> frozenset[str]:
    """Return the columns that came without any value, also those that have one by now."""
    told = (json.loads(commit.metadata.get(OPEN_COLUMNS, "[]")) for commit in commits)
    return frozenset(name for names in told for name in names)


def known_classes(workspace: Workspace, stands: pl.LazyFrame) -> tuple[Any, ...]:
    """Return the target's values in rows that stand, and in labels; none of a regression."""
    pipeline = workspace.pipeline
    if pipeline.task == "regression":
        return ()
    target, labels = pipeline.target, labels_table(workspace.bucket, workspace.name)
    parts = [stands.select(target)]
    parts += [labels.scan().select(target)] if labels.version() else []
    with translate_errors(workspace.curated.uri):
        found = [part.drop_nulls().unique().head(MOST + 1).collect() for part in parts]
    return tuple(dict.fromkeys(value for part in found for value in part[target].sort().to_list()))


def known_rows(table: Table, stands: pl.LazyFrame, pipeline: Pipeline) -> KnownRows:
    """Return the rows that stand, as those of a batch are compared with them."""
    key = list(pipeline.key)

    def near(ours: pl.DataFrame) -> pl.LazyFrame:
        # Files whose statistics do not meet the batch's range of keys are not read.
        low, high = pl.lit(ours[key[0]].min()), pl.lit(ours[key[0]].max())
        return stands.filter(pl.col(key[0]).is_between(low, high))

    def meets(keys: pa.Table) -> Mask:
        ours = pl.DataFrame(pl.from_arrow(keys)).select(key)
        met = near(ours).select(key).join(ours.lazy(), on=key, how="semi").unique()
        marked = ours.lazy().join(
            met.with_columns(_known=pl.lit(True)), on=key, how="left", maintain_order="left"
        )
        # A store that goes away while the keys are read says nothing of the batch.
        with translate_errors(table.uri):
            column = marked.select(pl.col("_known").fill_null(False)).collect(engine="streaming")
        return column.to_series().to_numpy()

    def compare(rows: pa.Table) -> Again:
        ours = pl.DataFrame(pl.from_arrow(rows))
        wanted = ours.lazy().select(key).unique()
        with translate_errors(table.uri):
            theirs = near(ours).join(wanted, on=key, how="semi").collect(engine="streaming")
        return compare_rows(ours, theirs, key, pipeline.target, pipeline.data.personal)

    return KnownRows(meets, compare)
