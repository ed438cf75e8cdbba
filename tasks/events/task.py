"""Prefect is told of an event, and whose a run is. Events are wake-ups: one lost costs a minute."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from prefect import task

from tasks.events.event import Event, document
from tasks.retries import retried
from tasks.runs import run_logger

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State
    from prefect.flows import Flow


def send(event: Event, pipeline: str, payload: Mapping[str, Any]) -> None:
    """Emit an event about a pipeline; whatever Prefect's client raises is the caller's."""
    from prefect.client.orchestration import get_client

    now, id = datetime.now(UTC), uuid4()
    with get_client(sync_client=True) as client:
        there = _find_deployment(client, event.wakes, pipeline) if event.wakes else None
        told = document(event, pipeline, payload, now, id, there)
        client.request("POST", "/events", json=[told]).raise_for_status()


@task(name="announce", task_run_name="announce {event}", **retried(Exception, waits=(1,)))
def announce(event: Event, pipeline: str, payload: Mapping[str, Any]) -> bool:
    """Emit an event about a pipeline; where Prefect does not take it, say so and go on."""
    try:
        send(event, pipeline, payload)
    except Exception as error:  # whatever it is, the reconciler finds what this event was for
        run_logger().warning("The event %s was not taken: %s", event, error)
        return False
    return True


def tag_run(_flow: Flow[..., Any], run: FlowRun, _state: State[Any]) -> None:
    """Give a run of a deployment that pipelines share the tag of its own: pages filter by it.

    A hook of flows; a command's run bears the tag already, that of an event could not.
    """
    from prefect.client.orchestration import get_client

    name = run.parameters.get("pipeline")
    if run.deployment_id is None or not name or name in run.tags:
        return
    with get_client(sync_client=True) as client:
        client.update_flow_run(run.id, tags=[*run.tags, name])


def _find_deployment(client: SyncPrefectClient, flow: str, pipeline: str) -> UUID | None:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(f"{flow}/{pipeline}").id
    except ObjectNotFound:
        return None
