"""Find what an event lost, and start what is missing."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.reconciliation.task import honour_alias, list_pipelines, look, start
from tasks.store.task import leave_outcome


@flow(name="reconcile", flow_run_name="reconcile")
def reconcile(grace: float = 20.0) -> dict[str, Any]:
    """Compare what lies in the bucket with what was done, for every pipeline.

    What came in the last `grace` seconds is left to its event.
    """
    pipelines = list_pipelines()
    launches = [launch for pipeline in pipelines for launch in look(pipeline, grace)]
    started = [{"flow": one.flow, "pipeline": one.pipeline, "run": start(one)} for one in launches]
    told = [said for pipeline in pipelines if (said := honour_alias(pipeline))]
    return leave_outcome({"started": started, "told": told})
