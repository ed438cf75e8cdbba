"""Tell Prefect that a pipeline has something to look at."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from deployments.prefect_api import connected
from tasks.errors import OrchestrationError
from tasks.events.gathering import WakeUp
from tasks.events.names import OBJECT_ARRIVED, resource
from tasks.settings import Settings

BATCH = 50


def announce(settings: Settings, wakes: Sequence[WakeUp], call: UUID) -> None:
    """Post one event a wake-up, dated now; the same `call` again is the same events.

    Raises:
        OrchestrationError: Prefect gives no answer, or does not take them.
    """
    events = [event(each, datetime.now(UTC), call) for each in wakes]
    with connected(settings) as client:
        for start in range(0, len(events), BATCH):
            client.request("POST", "/events", json=events[start : start + BATCH])


def event(wake: WakeUp, now: datetime, call: UUID) -> dict[str, Any]:
    """Return the event as Prefect's API takes it.

    The sender's times are not used: Prefect acts strangely on events of the future.

    >>> wake = WakeUp("flights", 500, ("flights/incoming/a.csv",))
    >>> found = event(wake, datetime(2026, 1, 2, tzinfo=UTC), UUID(int=7))
    >>> found["resource"]["prefect.resource.id"], found["payload"]["objects"]
    ('perennial.pipeline.flights', 500)
    """
    return {
        "id": str(uuid5(call, wake.pipeline)),
        "occurred": now.isoformat(),
        "event": OBJECT_ARRIVED,
        "resource": {
            "prefect.resource.id": resource(wake.pipeline),
            "prefect.resource.name": wake.pipeline,
        },
        "related": [],
        "payload": {
            "pipeline": wake.pipeline,
            "objects": wake.objects,
            "keys": list(wake.keys),
        },
    }


def prepare(settings: Settings) -> None:
    """Load Prefect's client now, so that the first event does not wait for it."""
    with suppress(OrchestrationError), connected(settings):
        pass
