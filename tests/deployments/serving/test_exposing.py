"""The figures are told under known names only, to a few at a time, and to nobody for long."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from deployments.serving.exposing import MOST, SECONDS, Exposing
from deployments.serving.hosts import Hosts
from tasks.errors import ConfigurationError
from tests.servers import poll


def figures(_environ: Any, start: Any) -> list[bytes]:
    start("200 OK", [("content-type", "text/plain")])
    return [b"some figures"]


@contextmanager
def exposed(seconds: float = SECONDS) -> Iterator[int]:
    server = Exposing("127.0.0.1", 0, figures, Hosts(["figures.example"]), seconds)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(port: int, host: str) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", port), 10)) as connection:
        connection.sendall(f"GET /metrics HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8082", b"200"),
        ("localhost", b"200"),
        ("figures.example:8082", b"200"),
        ("evil.example", b"421"),
        ("localhost.evil.example", b"421"),
        ("", b"421"),
    ],
)
def test_the_figures_are_told_under_known_names(host: str, status: bytes) -> None:
    with exposed() as port:
        said = ask(port, host)
    assert said.split()[1] == status
    assert (b"some figures" in said) is (status == b"200")


def test_who_asks_nothing_keeps_no_other_from_the_figures() -> None:
    with exposed(seconds=0.5) as port:
        held = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(2 * MOST)]
        poll(lambda: told(port), 10, "the figures", 0.1)
        for connection in held:
            assert connection.recv(1) == b""
            connection.close()


@pytest.mark.parametrize("port", ["taken", 65_536])
def test_where_it_cannot_listen_is_told(port: int | str) -> None:
    with exposed() as taken, pytest.raises(ConfigurationError, match="the figures can be told"):
        Exposing("127.0.0.1", taken if port == "taken" else int(port), figures, Hosts([]))


def told(port: int) -> bool:
    try:
        return b"some figures" in ask(port, "localhost")
    except OSError:
        return False
