"""Keep the storage small."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.maintenance.task import prune_pipelines
from tasks.store.task import leave_outcome


@flow(name="maintain", flow_run_name="maintain")
def maintain() -> dict[str, Any]:
    """Compact and vacuum the tables of each pipeline, and remove what nothing needs any more."""
    return leave_outcome(prune_pipelines())
