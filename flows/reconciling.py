"""Find what an event lost, and start what is missing."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.reconciliation.task import attempt, honour_alias, list_pipelines, look, start
from tasks.store.task import leave_outcome


@flow(name="reconcile", flow_run_name="reconcile")
def reconcile(grace: float = 20.0) -> dict[str, Any]:
    """Compare what lies in the bucket with what was done, for each pipeline alone.

    What came in the last `grace` seconds is left to its event.
    """
    failed: list[dict[str, str]] = []
    runs, told = [], []
    for pipeline in list_pipelines():
        # Each step in an attempt of its own: one broken pipeline must not stop the others.
        launches = attempt(pipeline, failed, look, pipeline, grace) or []
        runs += [attempt(pipeline, failed, start, launch) for launch in launches]
        told.append(attempt(pipeline, failed, honour_alias, pipeline))
    started = [run for run in runs if run]
    return leave_outcome({"started": started, "told": [*filter(None, told)], "failed": failed})
