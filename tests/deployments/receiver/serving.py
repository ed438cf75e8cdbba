"""A real receiver on a free port, and what it passed on."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import uvicorn

from deployments.receiver.application import application
from deployments.receiver.forwarder import Announce, Forwarder
from mlflow_server.timely import TimelyProtocol
from tasks.events.gathering import Gathering, WakeUp
from tests.servers import poll
from tests.tasks.events.scenes import BUCKET

TOKEN = "a-token-of-the-tests"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Heard:
    """Stands where Prefect would: takes wake-ups, or fails the first `failures` times."""

    failures: int = 0
    wakes: list[WakeUp] = field(default_factory=list)
    calls: list[UUID] = field(default_factory=list)
    tries: int = 0

    def __call__(self, wakes: Sequence[WakeUp], call: UUID) -> None:
        if not wakes:
            return
        self.tries += 1
        if self.tries <= self.failures:
            raise ConnectionRefusedError("away")
        self.calls.append(call)
        self.wakes += wakes

    def of(self, pipeline: str) -> list[WakeUp]:
        return [each for each in self.wakes if each.pipeline == pipeline]


@contextmanager
def receiving(
    announce: Announce,
    *,
    quiet: float = 0.3,
    pauses: Sequence[float] = (0.01, 0.01),
    seconds: float = 0.4,
    connection_seconds: float = 5.0,
    make: Callable[[Announce, Gathering, Sequence[float]], Forwarder] = Forwarder,
) -> Iterator[int]:
    """Run a receiver in a thread; yield its port. It is stopped as a signal would stop it."""

    class Quick(TimelyProtocol):
        """The same protocol with less patience."""

    Quick.seconds, Quick.every = connection_seconds, 0.05
    forwarder = make(announce, Gathering(quiet), pauses)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            application(TOKEN, BUCKET, forwarder, seconds),
            http=Quick,
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        poll(lambda: server.started, 10, "the receiver")
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(15)
            assert not thread.is_alive()


def send(
    port: int, came: bytes, headers: Mapping[str, str] = AUTHORIZED, path: str = "/events"
) -> tuple[int, Any]:
    """POST; return the status and the decoded answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", came, dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())


def drip(port: int, first: bytes, seconds: float) -> bytes:
    """Send `first`, then a byte every 50 ms; return what came back until the other side closed."""
    end = time.monotonic() + seconds
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(first)
        while time.monotonic() < end:
            readable, _, _ = select.select([connection], [], [], 0.05)
            if readable:
                try:
                    piece = connection.recv(4096)
                except ConnectionError:
                    return found
                if not piece:
                    return found
                found += piece
            try:
                connection.sendall(b"x")
            except OSError:
                continue  # the other side closed: the next look reads what it still said
    raise AssertionError(f"still open after {seconds} s: {found!r}")
