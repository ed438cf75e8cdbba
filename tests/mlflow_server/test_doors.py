"""Who is let in by the doors, and that no other request reaches the application. No server."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_server.doors import Application, KnownNames, Message, Receive, Send
from mlflow_server.users import Move, User, Users, is_reading, parse_move, write_move

OURS = ("http://127.0.0.1:4200", "http://localhost:4200")
HOST = (b"host", b"127.0.0.1:4200")
OWNER, VIEWER = User("owner", "a-secret", True), User("viewer", "another", False)
Headers = list[tuple[bytes, bytes]]


def basic(text: str) -> tuple[bytes, bytes]:
    return (b"authorization", b"Basic " + b64encode(text.encode()))


class Inside:
    """An application that remembers what reached it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        body = b""
        if scope["type"] == "http":
            body = (await receive())["body"]
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        self.bodies.append(body)


def ask(
    application: Application, headers: Headers, body: bytes = b"", **scope: Any
) -> list[Message]:
    """Send one request, its body in pieces, and return what came."""
    came: list[Message] = []
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)] or [b""]
    parts = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    ]

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        came.append(message)

    whole = {"type": "http", "method": "GET", "path": "/", "headers": headers, **scope}
    asyncio.run(application(whole, receive, send))  # type: ignore[arg-type]
    return came


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([HOST], 200),
        ([(b"host", b"LOCALHOST:4200")], 200),
        ([HOST, (b"origin", b"http://localhost:4200")], 200),
        ([], 421),
        ([(b"host", b"127.0.0.1")], 421),
        ([(b"host", b"127.0.0.1:4200.evil.example")], 421),
        ([HOST, (b"host", b"evil.example")], 421),
        ([HOST, (b"origin", b"null")], 403),
        ([HOST, (b"origin", b"http://127.0.0.1:4201")], 403),
        ([HOST, (b"origin", b"https://127.0.0.1:4200")], 403),
        ([HOST, (b"origin", OURS[0].encode()), (b"origin", b"http://evil.example")], 403),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_other_names_and_other_pages_are_refused(kind: str, headers: Headers, status: int) -> None:
    inside = Inside()
    came = ask(KnownNames(inside, OURS), headers, type=kind)
    assert bool(inside.bodies) == (status == 200)
    if kind == "http":
        assert came[0]["status"] == status
    elif status != 200:
        assert [message["type"] for message in came] == ["websocket.close"]


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_no_bytes_of_a_stranger_open_a_door(host: bytes, token: bytes) -> None:
    known, users = Inside(), Inside()
    assert ask(KnownNames(known, OURS), [(b"host", host)])[0]["status"] == 421
    shown = [(b"authorization", b"Basic " + token)]
    assert ask(Users(users, [OWNER], print), shown)[0]["status"] == 401
    assert not known.bodies
    assert not users.bodies


@pytest.mark.parametrize(
    ("headers", "method", "path", "status"),
    [
        ([], "GET", "/health", 200),
        ([], "GET", "/health/", 401),
        ([], "GET", "/", 401),
        ([basic("owner:another")], "GET", "/", 401),
        ([basic("owner:")], "GET", "/", 401),
        ([basic("owner:a-secret"), basic("owner:a-secret")], "GET", "/", 401),
        ([(b"authorization", b"Bearer " + b64encode(b"owner:a-secret"))], "GET", "/", 401),
        ([basic("owner:a-secret")], "DELETE", "/api/2.0/mlflow/runs/delete", 200),
        ([basic("viewer:another")], "GET", "/api/2.0/mlflow/runs/get", 200),
        ([basic("viewer:another")], "POST", "/ajax-api/2.0/mlflow/runs/search", 200),
        ([basic("viewer:another")], "POST", "/api/2.0/mlflow-artifacts/mpu/create/search", 403),
        ([basic("viewer:another")], "PUT", "/api/2.0/mlflow-artifacts/artifacts/a", 403),
        ([basic("viewer:another")], "POST", "/api/2.0/mlflow/runs/create", 403),
        ([basic("viewer:another")], "GET", "/ajax-api/3.0/mlflow/assistant/sessions/1", 403),
    ],
)
def test_users_do_what_they_may(headers: Headers, method: str, path: str, status: int) -> None:
    inside = Inside()
    came = ask(Users(inside, [OWNER, VIEWER], print), headers, method=method, path=path)
    assert came[0]["status"] == status
    assert bool(inside.bodies) == (status == 200)


def test_a_user_without_a_password_is_nobody() -> None:
    nobody = User("owner", "", True)
    assert ask(Users(Inside(), [nobody], print), [basic("owner:")])[0]["status"] == 401


def test_an_alias_is_noted_before_it_moves_and_its_request_arrives_whole() -> None:
    noted: list[tuple[str, Move]] = []
    inside = Inside()
    door = Users(inside, [OWNER], lambda name, move: noted.append((name, move)))
    body = b'{"name": "toy", "alias": "champion", "version": "2", "x": "%s"}' % (b"x" * 5000)
    path = "/api/2.0/mlflow/registered-models/alias"
    ask(door, [basic("owner:a-secret")], body, method="POST", path=path)
    assert inside.bodies == [body]
    ((name, move),) = noted
    assert (name, move.alias, move.version, move.by) == (
        "toy",
        "champion",
        "2",
        "owner, by MLflow's API",
    )
    assert parse_move(write_move(move)) == move
    ask(door, [basic("owner:a-secret")], b"[" * 30_000, method="POST", path=path)
    assert len(noted) == 1


@given(st.sampled_from(["PUT", "PATCH", "DELETE", "TRACE"]), st.text())
def test_no_other_method_reads(method: str, path: str) -> None:
    assert not is_reading(method, path)
