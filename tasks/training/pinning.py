"""Pin a training run to what is there now."""

from __future__ import annotations

from datetime import timedelta

from tasks.data.reference import DatasetRef, Window
from tasks.dataset.arrival import latest_event
from tasks.errors import DataError
from tasks.labels.table import labels_version
from tasks.ledger.suspicion import held_back
from tasks.store.layout import INGESTED_AT
from tasks.training.code import digest_code, lock_digest
from tasks.training.plan import TrainingPlan
from tasks.workspace import Workspace


def pin_run(
    workspace: Workspace,
    length: timedelta | None,
    challengers: tuple[str, ...],
    *,
    with_suspicious: bool = False,
) -> TrainingPlan:
    """Return the plan for the curated table as it is now, or raise DataError where there is none.

    Batches that are held back as suspicious stay out, unless a person asks for them.
    """
    pipeline, table = workspace.pipeline, workspace.curated
    version = table.version()
    if version is None:
        rule = "the curated table has rows"
        remedy = f"Ingest first: `perennial ingest {pipeline.name} FILE`."
        raise DataError(f"pipeline {pipeline.name}", rule, "no table", remedy)
    # up to the newest event, not to now: the same data are the same plan whenever it is made
    window = Window()
    if length is not None:
        latest = latest_event(table.scan(version), pipeline.time_column, INGESTED_AT)
        if latest is None:
            rule = f"a row has an event time ({pipeline.event_time}) that is not after its arrival"
            raise DataError(table.uri, rule, "none")
        window = Window.up_to(latest, length)
    return TrainingPlan(
        data=DatasetRef(pipeline.name, version, window),
        configuration=pipeline.digest,
        code=digest_code(pipeline.features.transform),
        lock=lock_digest(),
        seed=pipeline.training.seed,
        challengers=challengers,
        labels=labels_version(workspace.bucket, pipeline),
        without=() if with_suspicious else held_back(workspace.ledger.entries()),
    )
