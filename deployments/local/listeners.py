"""Look which processes listen on which ports of this machine."""

from __future__ import annotations

import errno
import shlex
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import psutil

from deployments.local.ports import Holder
from tasks.errors import bounded


def is_free(port: int) -> bool:
    """Return whether a server could listen on `port` of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def holders(ports: Iterable[int]) -> tuple[Holder, ...]:
    """Return who holds each of `ports` that is not free, in the order given."""
    taken = [port for port in ports if not is_free(port)]
    if not taken:
        return ()
    pids = _listening()
    return tuple(_holder(port, pids.get(port)) for port in taken)


def _listening() -> dict[int, int | None]:
    try:
        found: list[Any] = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return _own_listening()
    return {connection.laddr[1]: connection.pid for connection in found if _listens(connection)}


def _own_listening() -> dict[int, int | None]:
    """Ask process by process: macOS shows another user's connections to nobody but root."""
    pids: dict[int, int | None] = {}
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            found: list[Any] = process.net_connections("tcp")
            pids.update(
                (connection.laddr[1], process.pid) for connection in found if _listens(connection)
            )
    return pids


def _listens(connection: Any) -> bool:
    return bool(connection.laddr) and bool(connection.status == psutil.CONN_LISTEN)


def _holder(port: int, pid: int | None) -> Holder:
    if pid is None:
        return Holder(port, None, "", "")
    try:
        process = psutil.Process(pid)
        return Holder(port, pid, process.name(), bounded(shlex.join(process.cmdline()), 200))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return Holder(port, pid, "?", "")
