"""Take in the labels that come after their rows."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.events.task import announce
from tasks.ingestion.task import find_pending_labels, labels_tidings, land_one
from tasks.store.task import leave_outcome


@flow(name="label", flow_run_name="label {pipeline}: {cause}")
def label(
    pipeline: str, objects: list[str] | None = None, cause: str = "schedule"
) -> dict[str, Any]:
    """Land these files of the pipeline's `labels/incoming/` folder, or all that are pending."""
    keys = find_pending_labels(pipeline) if objects is None else objects
    files = [land_one(pipeline, key) for key in keys]
    for event, payload in labels_tidings(files):
        announce(event, pipeline, payload)
    return leave_outcome({"pipeline": pipeline, "cause": cause, "files": files})
