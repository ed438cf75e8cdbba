"""Fetch new rows from where they are."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.collection.task import collect_rows
from tasks.store.task import leave_outcome


@flow(name="collect", flow_run_name="collect {pipeline}: {cause}")
def collect(pipeline: str, cause: str = "schedule") -> dict[str, Any]:
    """Land what the source of the pipeline holds and was not collected yet.

    What lands in `incoming/` is announced and ingested like any other object.
    """
    return leave_outcome(collect_rows(pipeline, cause))
