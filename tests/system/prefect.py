"""What the tests ask of the stack's Prefect server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from deployments.prefect_api import connected
from tasks.events.names import resource
from tests.system.conftest import Stack

PAGE = 200


def enable(stack: Stack, prefix: str, *, on: bool) -> int:
    """Switch the automations of this name on or off; return how many there are."""
    with connected(stack.settings) as client:
        asked = {"limit": PAGE, "offset": 0, "sort": "NAME_ASC"}
        found = client.request("POST", "/automations/filter", json=asked).json()
        ours = [one for one in found if one["name"].startswith(prefix)]
        for one in ours:
            client.request("PATCH", f"/automations/{one['id']}", json={"enabled": on})
    return len(ours)


def pause(stack: Stack, deployment: str, *, paused: bool) -> None:
    """Pause a deployment's schedule, or let it go on."""
    with connected(stack.settings) as client:
        found = client.read_deployment_by_name(deployment)
        client.request("PATCH", f"/deployments/{found.id}", json={"paused": paused})


def emit(client: Any, event: str, pipeline: str, times: int = 1, **payload: Any) -> None:
    """Send the event so many times at once."""
    documents = [
        {
            "id": str(uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "event": event,
            "resource": {"prefect.resource.id": resource(pipeline)},
            "related": [],
            "payload": {"pipeline": pipeline, **payload},
        }
        for _ in range(times)
    ]
    client.request("POST", "/events", json=documents).raise_for_status()


def runs_of(client: Any, flow: str, pipeline: str, *, ended: bool) -> list[Any]:
    """Return the runs of a deployment, those that ended or all."""
    filters: dict[str, Any] = {
        "flows": {"name": {"any_": [flow]}},
        "deployments": {"name": {"any_": [pipeline]}},
        "limit": PAGE,
    }
    if ended:
        types = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
        filters["flow_runs"] = {"state": {"type": {"any_": types}}}
    found: list[Any] = client.request("POST", "/flow_runs/filter", json=filters).json()
    return found
