"""The events of Perennial in Prefect: what each means, who emits it, and how it is sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Event(StrEnum):
    """Every event by its name in Prefect, with what it means and the folder that emits it.

    `wakes` is the flow of which each pipeline has a deployment of its own, which the event names:
    one automation then serves every pipeline.
    What follows from one is in `STARTS` and `TELLS` of `deployments/apply/automations.py`.

    >>> Event.BATCH_ACCEPTED.value, Event.BATCH_ACCEPTED.means
    ('perennial.batch.accepted', 'rows were taken in')
    """

    means: str
    emitter: str
    wakes: str

    OBJECT_ARRIVED = "perennial.object.arrived", "an object came in", "deployments/receiver"
    BATCH_ACCEPTED = "perennial.batch.accepted", "rows were taken in", "tasks/ingestion", "monitor"
    LABELS_ARRIVED = "perennial.labels.arrived", "labels came", "tasks/ingestion", "monitor"
    BATCH_QUARANTINED = "perennial.batch.quarantined", "a file was refused", "tasks/ingestion"
    RETRAIN_REQUESTED = "perennial.retrain.requested", "a policy asks", "tasks/monitoring", "train"
    PERFORMANCE_DEGRADED = "perennial.performance.degraded", "a metric fell", "tasks/monitoring"
    MODEL_PROMOTED = "perennial.model.promoted", "a model went into service", "tasks/training"
    MODEL_REFUSED = "perennial.model.refused", "a gate or a race said no", "tasks/training"
    APPROVAL_AWAITED = "perennial.approval.awaited", "a person has to say yes", "tasks/training"

    def __new__(cls, name: str, means: str, emitter: str, wakes: str = "") -> Event:
        event = str.__new__(cls, name)
        event._value_, event.means, event.emitter, event.wakes = name, means, emitter, wakes
        return event


def resource(pipeline: str) -> str:
    """Return the id under which Prefect knows a pipeline."""
    return f"perennial.pipeline.{pipeline}"


def document(
    event: Event,
    pipeline: str,
    payload: Mapping[str, Any],
    now: datetime,
    id: UUID,
    deployment: UUID | None = None,
) -> dict[str, Any]:
    """Return the event as Prefect's API takes it; the same `id` again is the same event.

    Args:
        event: what happened.
        pipeline: whom it concerns.
        payload: what it tells besides the pipeline, JSON values.
        now: with a zone.
        id: the server takes it once.
        deployment: what it wakes, where that is the pipeline's own.

    >>> noon = datetime(2026, 1, 2, 12)
    >>> document(Event.BATCH_ACCEPTED, "flights", {"a": 1}, noon, UUID(int=7))["payload"]
    {'pipeline': 'flights', 'a': 1}
    """
    return {
        "id": str(id),
        # our own hour, never a sender's: an event dated six hours ahead does harm in Prefect 3.8
        "occurred": now.isoformat(),
        "event": event.value,
        "resource": {
            "prefect.resource.id": resource(pipeline),
            "prefect.resource.name": pipeline,
        },
        "related": [] if deployment is None else [_as_related(deployment)],
        "payload": {"pipeline": pipeline, **payload},
    }


def _as_related(deployment: UUID) -> dict[str, str]:
    id = f"prefect.deployment.{deployment}"
    return {"prefect.resource.id": id, "prefect.resource.role": "deployment"}
