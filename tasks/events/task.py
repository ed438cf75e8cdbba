"""The task that tells Prefect of an event. Events are wake-ups: a lost one costs a minute."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from prefect import get_run_logger, task

from tasks.events.event import Event, document
from tasks.retries import retried


def send(event: Event, pipeline: str, payload: Mapping[str, Any]) -> None:
    """Emit an event about a pipeline; whatever Prefect's client raises is the caller's."""
    from prefect.client.orchestration import get_client

    told = document(event, pipeline, payload, datetime.now(UTC), uuid4())
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[told]).raise_for_status()


@task(name="announce", task_run_name="announce {event}", **retried(Exception, waits=(1,)))
def announce(event: Event, pipeline: str, payload: Mapping[str, Any]) -> bool:
    """Emit an event about a pipeline; where Prefect does not take it, say so and go on."""
    try:
        send(event, pipeline, payload)
    except Exception as error:  # whatever it is, the reconciler finds what this event was for
        get_run_logger().warning("The event %s was not taken: %s", event, error)
        return False
    return True
