"""Who has no business at a port gets the answer that the table of ports says."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from deployments.local import certificate
from deployments.local.folder import Folder
from deployments.local.ports import Ports
from deployments.local.processes import find_marked, find_running
from mlflow_server.timely import LARGEST_HEAD
from tests.strangers import HOST, as_nobody, opens
from tests.system.conftest import Stack
from tests.system.ports import CALLERS, CONTROL, TABLE, Row, get

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate of somebody's own."""
    path = tmp_path_factory.mktemp("stranger") / "own.pem"
    certificate.ensure(path)
    return path


def sockets_of(stack: Stack) -> list[str]:
    """Return the sockets of the file system that the stack's processes have."""
    every = (
        connection.laddr
        for process in find_marked(Folder.at(stack.home))
        for connection in process.net_connections("unix")
    )
    return sorted({path for path in every if path and Path(path).exists()})


def listening(stack: Stack) -> dict[str, list[int]]:
    """Return the ports at which the stack's processes listen, by name; unknown ones by number.

    Of the worker's control channel there may be several: one for each run that is under way.
    """
    names = {port: name for name, port in Ports.shifted(stack.offset).by_name().items()}
    worker = find_running(Folder.at(stack.home), "worker")
    found: dict[str, list[int]] = {}
    for process in find_marked(Folder.at(stack.home)):
        for connection in process.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN:
                port = connection.laddr.port
                name = CONTROL if process == worker and port not in names else names.get(port)
                ports = found.setdefault(name or f"{port} of {process.cmdline()}", [])
                ports += [port] if port not in ports else []
    several = {name: ports for name, ports in found.items() if len(ports) > 1 and name != CONTROL}
    assert not several
    return found


def test_the_stack_listens_at_the_ports_of_the_table_and_at_no_other(stack: Stack) -> None:
    table = {row.port for row in TABLE}
    assert table == {*Ports().by_name(), CONTROL}
    assert set(listening(stack)) == table


@pytest.mark.parametrize("caller", CALLERS)
def test_each_port_answers_as_the_table_says(stack: Stack, stranger: Path, caller: str) -> None:
    ports = listening(stack)

    def walk() -> dict[str, list[int]]:
        return {
            row.name: sorted({get(row, port, caller, stranger) for port in ports[row.port]})
            for row in TABLE
        }

    if caller == "other user":
        if os.getuid() != 0:
            pytest.skip("only root can be another user")
        found = as_nobody(walk)
    else:
        found = walk()
    assert found == {row.name: [expected(row, caller)] for row in TABLE}


def expected(row: Row, caller: str) -> int:
    return row.answers[CALLERS.index(caller)]


@pytest.mark.parametrize("name", ["serving", "receiver", "prefect", "mlflow"])
def test_no_server_of_ours_waits_for_a_head_without_end(stack: Stack, name: str) -> None:
    # what the protocol that waits for nobody answers at once, and uvicorn's own never
    port = Ports.shifted(stack.offset).by_name()[name]
    with socket.create_connection((HOST, port), 5) as connection:
        with suppress(ConnectionError):
            for _ in range(9):
                connection.sendall(b"GET / HTTP/1.1\r\nx: " + b"x" * LARGEST_HEAD)
        with suppress(ConnectionError):
            assert b" 400 " in connection.recv(100)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_another_user_opens_no_socket_and_no_file_of_the_stack(stack: Stack) -> None:
    sockets = sockets_of(stack)
    files = [str(path) for path in stack.home.rglob("*")]
    assert sockets
    assert str(Folder.at(stack.home).certificate) in files
    found = as_nobody(
        lambda: (
            [path for path in sockets if opens(path)]
            + [path for path in files if os.access(path, os.R_OK)]
        )
    )
    assert found == []
