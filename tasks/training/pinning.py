"""Pin a training run to what is there now."""

from __future__ import annotations

from datetime import datetime, timedelta

from tasks.data.reference import DatasetRef, Window
from tasks.data.table import Table
from tasks.errors import DataError
from tasks.labels.table import labels_version
from tasks.training.code import code_digest, lock_digest
from tasks.training.plan import Plan
from tasks.workspace import Workspace


def pinned(workspace: Workspace, length: timedelta | None, challengers: tuple[str, ...]) -> Plan:
    """Return the plan for the curated table as it is now.

    Raises:
        DataError: nothing was ingested yet.
    """
    pipeline, table = workspace.pipeline, workspace.curated
    version = table.version()
    if version is None:
        rule = "the curated table has rows"
        remedy = f"Ingest first: `perennial ingest {pipeline.name} FILE`."
        raise DataError(f"pipeline {pipeline.name}", rule, "no table", remedy)
    window = Window()
    if length is not None:
        window = Window.up_to(_latest(table, pipeline.event_time, version), length)
    transform = pipeline.features.transform
    return Plan(
        data=DatasetRef(pipeline.name, version, window),
        configuration=pipeline.digest,
        code=code_digest([transform.partition(":")[0]] if transform else []),
        lock=lock_digest(),
        seed=pipeline.training.seed,
        challengers=challengers,
        labels=labels_version(workspace.bucket, pipeline),
    )


def _latest(table: Table, event_time: str, version: int) -> datetime:
    import polars as pl

    latest = table.scan(version).select(pl.col(event_time).max()).collect().item()
    if latest is None:
        raise DataError(table.uri, f"a row has an event time ({event_time})", "none")
    assert isinstance(latest, datetime)
    return latest
