"""Take in the labels that come after their rows."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.events.task import announce, tag_run
from tasks.ingestion.task import list_arrivals, take_in_labels, tell_labels
from tasks.store.task import leave_outcome


@flow(name="label", flow_run_name="label {pipeline}: {cause}", on_running=[tag_run])
def label(
    pipeline: str,
    objects: list[str] | None = None,
    cause: str = "schedule",
    again: bool = False,
) -> dict[str, Any]:
    """Take in these files of the pipeline's `labels/incoming/` folder, or all that are pending.

    One that lies in quarantine is judged `again` only where a person asked for it.
    """
    named = objects is not None
    keys = objects if objects is not None else list_arrivals(pipeline, "labels")
    files = [take_in_labels(pipeline, key, again, named) for key in keys]
    # An event is a wake-up and may be lost: the reconciler looks at the tables, not for it.
    for event, payload in tell_labels(files):
        announce(event, pipeline, payload)
    return leave_outcome({"pipeline": pipeline, "cause": cause, "files": files})
