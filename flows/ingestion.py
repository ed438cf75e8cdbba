"""Bring what arrived into the curated table, or into quarantine."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.events.task import announce
from tasks.ingestion.task import batch_tidings, find_pending, ingest_one
from tasks.store.task import leave_outcome


@flow(name="ingest", flow_run_name="ingest {pipeline}: {cause}")
def ingest(
    pipeline: str, objects: list[str] | None = None, cause: str = "schedule"
) -> dict[str, Any]:
    """Ingest these objects of the pipeline's `incoming/` folder, or all that are pending."""
    keys = find_pending(pipeline) if objects is None else objects
    batches = [ingest_one(pipeline, key) for key in keys]
    for event, payload in batch_tidings(batches):
        announce(event, pipeline, payload)
    return leave_outcome({"pipeline": pipeline, "cause": cause, "batches": batches})
