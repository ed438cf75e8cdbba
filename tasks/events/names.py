"""The events of Perennial in Prefect, and whom they concern."""

from __future__ import annotations

OBJECT_ARRIVED = "perennial.object.arrived"
BATCH_ACCEPTED = "perennial.batch.accepted"
LABELS_ARRIVED = "perennial.labels.arrived"
BATCH_QUARANTINED = "perennial.batch.quarantined"
RETRAIN_REQUESTED = "perennial.retrain.requested"
MODEL_PROMOTED = "perennial.model.promoted"
MODEL_REFUSED = "perennial.model.refused"
APPROVAL_AWAITED = "perennial.approval.awaited"
PERFORMANCE_DEGRADED = "perennial.performance.degraded"


def resource(pipeline: str) -> str:
    """Return the id under which Prefect knows a pipeline.

    >>> resource("flights")
    'perennial.pipeline.flights'
    """
    return f"perennial.pipeline.{pipeline}"
