"""Prefect's doors on a real server: each stranger is refused, and who has the line is not."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from base64 import b64encode

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from deployments.prefect_api import open_client
from tasks.errors import OrchestrationError
from tests.orchestration import Orchestrator
from tests.servers import LOGINS

pytestmark = pytest.mark.system
LINE = LOGINS["PREFECT_API_AUTH_STRING"]
PATHS = ("/flow_runs/filter", "/csrf-token?client=a", "/admin/version", "/health")


def asked(server: Orchestrator, path: str, line: str = "", **headers: str) -> int:
    """GET a path of the API, a search as POST; return the status."""
    if line:
        headers["Authorization"] = f"Basic {b64encode(line.encode()).decode()}"
    data = b"{}" if path.endswith("filter") else None
    headers["Content-Type"] = "application/json"
    request = urllib.request.Request(f"{server.settings.prefect_url}{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


@pytest.mark.parametrize("line", ["", "perennial:guessed", "perennial:"])
def test_without_the_line_nothing_but_health_answers(orchestrator: Orchestrator, line: str) -> None:
    # changes without a token are 403 (CSRF) before anybody asks who it is
    assert [asked(orchestrator, path, line) for path in PATHS] == [403, 401, 401, 200]
    assert asked(orchestrator, "/admin/version", LINE) == 200


def test_a_command_with_a_wrong_line_is_told_what_to_set(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "perennial:guessed")
    with (
        pytest.raises(OrchestrationError, match="Set PREFECT_API_AUTH_STRING"),
        open_client(orchestrator.settings) as client,
    ):
        client.read_work_pools()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:4200"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_another_name_and_another_site_are_refused(
    orchestrator: Orchestrator, headers: dict[str, str], status: int
) -> None:
    for path in PATHS:
        assert asked(orchestrator, path, LINE, **headers) == status


def socket_of(server: Orchestrator) -> str:
    return f"{server.settings.prefect_url.replace('http', 'ws', 1)}/events/out"


@pytest.mark.parametrize(
    ("origin", "host"),
    [("http://evil.example", None), ("http://127.0.0.1:1", None), (None, "evil.example")],
)
def test_a_websocket_of_another_site_does_not_open(
    orchestrator: Orchestrator, origin: str | None, host: str | None
) -> None:
    url = socket_of(orchestrator)
    named = url if host is None else url.replace("127.0.0.1", host)
    mine = None if origin is None else Origin(origin)
    told = [Subprotocol("prefect")]
    with (
        socket.create_connection(("127.0.0.1", orchestrator.ports.prefect)) as channel,
        pytest.raises(InvalidStatus, match="403"),
        connect(named, sock=channel, origin=mine, subprotocols=told),
    ):
        pass


@pytest.mark.parametrize(
    ("token", "opens"), [("", False), ("perennial:guessed", False), (LINE, True)]
)
def test_a_websocket_asks_for_the_line(orchestrator: Orchestrator, token: str, opens: bool) -> None:
    told = [Subprotocol("prefect")]
    with connect(socket_of(orchestrator), subprotocols=told, proxy=None) as channel:
        channel.send(json.dumps({"type": "auth", "token": token}))
        if opens:
            assert json.loads(channel.recv(10)) == {"type": "auth_success"}
        else:
            with pytest.raises(ConnectionClosedError):
                channel.recv(10)
