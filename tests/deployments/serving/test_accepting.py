"""Connections are shared out among the workers, whoever comes first and whoever dies."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from deployments.serving import accepting
from deployments.serving.accepting import NOT_LISTENING, ServingLoop, Shares
from tests.deployments.serving.conftest import Api
from tests.servers import REPOSITORY, poll

BURST = 40
CHILD = """
import sys
from pathlib import Path
from deployments.serving.accepting import Shares
shares = Shares(Path(sys.argv[1]))
shares.tell(int(sys.argv[2]))
print("told", flush=True)
sys.stdin.read()  # until it is killed, or whoever started it is gone
"""


@contextmanager
def another_worker(path: Path, held: int) -> Iterator[subprocess.Popen[str]]:
    """Run a process that says it holds so many connections."""
    command = (sys.executable, "-c", CHILD, str(path), str(held))
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, cwd=REPOSITORY) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "told\n"
            yield child
        finally:
            child.kill()


def places(path: Path) -> list[int]:
    return memoryview(path.read_bytes()).cast("i").tolist()


def test_a_worker_sees_what_the_others_hold(tmp_path: Path) -> None:
    path = tmp_path / "shares"
    Shares.prepare(path, 2)
    own = Shares(path)
    assert not own.fewer_elsewhere(10)  # nobody else is there
    with another_worker(path, 3):
        assert own.fewer_elsewhere(4)
        assert not own.fewer_elsewhere(3)


def test_the_place_of_a_worker_that_was_killed_is_its_successors(tmp_path: Path) -> None:
    path = tmp_path / "shares"
    Shares.prepare(path, 2)
    with another_worker(path, 7) as first, another_worker(path, 8):
        assert places(path)[:2] == [7, 8]
        first.kill()
        first.wait()
        with another_worker(path, 1):
            assert places(path) == [1, 8, NOT_LISTENING, NOT_LISTENING]


class Greeting(asyncio.Protocol):
    """Says hello to whoever comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.WriteTransport", transport).write(b"hello")


@pytest.fixture
def shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where two workers, one of which is this process, say what they hold."""
    path = tmp_path / "shares"
    Shares.prepare(path, 2)
    monkeypatch.setenv(accepting.VARIABLE, str(path))
    return path


def test_a_worker_with_more_than_its_share_takes_what_nobody_else_does(shares: Path) -> None:
    async def greeted() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Greeting, sock=listening, backlog=10)
        assert isinstance(server, accepting.Listener)
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            assert await asyncio.wait_for(reader.readexactly(5), 5) == b"hello"
            writer.close()
        server.close()
        await server.wait_closed()
        assert server.sockets == ()
        listening.close()

    # a worker that listens no more, or is busy, and seems to have less than nothing
    with another_worker(shares, -1), asyncio.Runner(loop_factory=ServingLoop) as runner:
        runner.run(greeted())
    assert places(shares)[1] == NOT_LISTENING


@pytest.mark.usefixtures("shares")
def test_who_waits_when_a_worker_stops_is_still_taken() -> None:
    async def greeted() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as held:
            loop = asyncio.get_running_loop()
            server = await loop.create_server(Greeting, sock=listening, backlog=10)
            # the kernel takes them at once, the worker when it is told
            waiting = [
                held.enter_context(socket.create_connection(listening.getsockname(), 10))
                for _ in range(5)
            ]
            server.close()
            listening.close()
            await server.wait_closed()
            for one in waiting:
                assert await loop.run_in_executor(None, one.recv, 5) == b"hello"

    with asyncio.Runner(loop_factory=ServingLoop) as runner:
        runner.run(greeted())


def connections(api: Api) -> dict[int, int]:
    """Return how many connections each worker holds."""
    found = {}
    for worker in api.serving.workers:
        own = worker.net_connections("tcp4")
        mine = [one for one in own if one.laddr.port == api.serving.port]
        found[worker.pid] = sum(one.status == psutil.CONN_ESTABLISHED for one in mine)
    return found


@pytest.mark.system
def test_a_burst_of_connections_is_shared_out(api: Api) -> None:
    poll(lambda: api.serving.is_whole, 150, "two workers")
    poll(lambda: not any(connections(api).values()), 10, "no connection")
    # both are stopped while the burst comes, so that either could take all of it
    for worker in api.serving.workers:
        os.kill(worker.pid, signal.SIGSTOP)
    with ExitStack() as held:
        for _ in range(BURST):
            one = socket.create_connection(("127.0.0.1", api.serving.port), 10)
            held.enter_context(one)
            one.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        for worker in api.serving.workers:
            os.kill(worker.pid, signal.SIGCONT)
        poll(lambda: sum(connections(api).values()) == BURST, 10, "every connection")
        assert min(connections(api).values()) >= BURST * 0.4, connections(api)
