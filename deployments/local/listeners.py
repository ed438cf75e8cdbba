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
        # As servers do: what waits in TIME_WAIT after the last stop does not hold the port.
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
    pids = _listening() if taken else {}
    return tuple(_holder(port, pids.get(port)) for port in taken)


def _listening() -> dict[int, int]:
    pids: dict[int, int] = {}
    # Process by process: of all at once, macOS gives a list to root alone.
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            found: list[Any] = process.net_connections("tcp")
            listening = (there for there in found if there.status == psutil.CONN_LISTEN)
            pids.update((there.laddr.port, process.pid) for there in listening)
    return pids


def _holder(port: int, pid: int | None) -> Holder:
    if pid is None:
        return Holder(port, None, "", "")
    try:
        process = psutil.Process(pid)
        return Holder(port, pid, process.name(), bounded(shlex.join(process.cmdline()), 200))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return Holder(port, pid, "?", "")
