"""Bring what arrived into the curated table, or into quarantine."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.events.task import announce, tag_run
from tasks.ingestion.task import list_arrivals, take_in_rows, tell_batches
from tasks.store.task import leave_outcome


@flow(name="ingest", flow_run_name="ingest {pipeline}: {cause}", on_running=[tag_run])
def ingest(
    pipeline: str,
    objects: list[str] | None = None,
    cause: str = "schedule",
    again: bool = False,
) -> dict[str, Any]:
    """Take in these objects of the pipeline's `incoming/` folder, or all that are pending.

    One that lies in quarantine is judged `again` only where a person asked for it.
    """
    named = objects is not None
    keys = objects if objects is not None else list_arrivals(pipeline, "rows")
    batches = [take_in_rows(pipeline, key, again, named) for key in keys]
    # An event is a wake-up and may be lost: the reconciler looks at the tables, not for it.
    for event, payload in tell_batches(batches):
        announce(event, pipeline, payload)
    return leave_outcome({"pipeline": pipeline, "cause": cause, "batches": batches})
