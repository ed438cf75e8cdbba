"""What the tests ask of the stack's Prefect server."""

from __future__ import annotations

import json
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from deployments.local.environment import MLFLOW, PREFECT
from deployments.prefect_api import open_client
from tasks.errors import OrchestrationError
from tests.system.conftest import Stack

PAGE = 200
Answer = TypeVar("Answer")


def shown(stack: Stack, server: str) -> dict[str, str]:
    """Return the headers by which `prefect` or `mlflow` knows the stack's own client."""
    variables = {"prefect": PREFECT[1:], "mlflow": MLFLOW[1:]}[server]
    line = ":".join(stack.environment[name] for name in variables)
    return {"Authorization": f"Basic {b64encode(line.encode()).decode()}"}


def call(url: str, document: object = None, headers: Mapping[str, str] | None = None) -> Any:
    """GET, or POST `document` as JSON; return the decoded answer."""
    data = None if document is None else json.dumps(document).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    with urllib.request.urlopen(urllib.request.Request(url, data, sent), timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def enable(stack: Stack, prefix: str, *, on: bool) -> int:
    """Switch the automations of this name on or off; return how many there are."""

    def switch() -> int:
        with open_client(stack.settings) as client:
            asked = {"limit": PAGE, "offset": 0, "sort": "NAME_ASC"}
            found = client.request("POST", "/automations/filter", json=asked).json()
            ours = [one for one in found if one["name"].startswith(prefix)]
            for one in ours:
                client.request("PATCH", f"/automations/{one['id']}", json={"enabled": on})
        return len(ours)

    return _patiently(switch)


def pause(stack: Stack, deployment: str, *, paused: bool) -> None:
    """Pause a deployment's schedule, or let it go on."""

    def change() -> None:
        with open_client(stack.settings) as client:
            found = client.read_deployment_by_name(deployment)
            client.request("PATCH", f"/deployments/{found.id}", json={"paused": paused})

    _patiently(change)


def _patiently(ask: Callable[[], Answer]) -> Answer:
    """Ask a server that is busy, up to five times; asking twice changes nothing more."""
    for _ in range(4):
        with suppress(OrchestrationError):
            return ask()
    return ask()
