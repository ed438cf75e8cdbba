"""A process that has every import, and forks what the tests ask for: flows and commands.

Its own, for xdist's workers share it, and what is forked may print what it likes. Each wish is a
watcher's, which forks the process that is wished for, and tells how that ended.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from tasks.settings import REPOSITORY
from tests.servers import _alive, _running, poll


@dataclass
class Forks:
    """How this process learns where it is; tests/conftest.py says so."""

    address: Callable[[], str] | None = None


FORKS = Forks()


def fork(function: str, arguments: Sequence[Any], seconds: float) -> int | None:
    """Call `module:function` in a process that has every import; return how it ended.

    The exit status, negative for a signal; None: it did not end in time, and was killed.
    """
    assert FORKS.address is not None
    with Client(FORKS.address(), "AF_UNIX") as connection:
        connection.send((function, arguments, seconds))
        status: int | None = connection.recv()
    return status


@contextmanager
def running_forks(home: Path) -> Iterator[str]:
    """Run it, its socket and its log in `home`; yield the address of the socket."""
    home.mkdir(parents=True, exist_ok=True)
    address = home / "forks"
    command = (sys.executable, "-m", __name__, str(address))
    with _running(command, {"PYTHONPATH": str(REPOSITORY)}, home / "forks.log") as process:
        poll(lambda: _alive(process) and address.exists(), 240, "every import")
        yield str(address)


def serve(address: str) -> None:
    """Import everything, then fork for whoever connects, until this is ended."""
    import_module("tests.flows.warm")
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise copy every page it looks at
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a watcher
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen(64)
        while True:
            asking, _ = server.accept()
            if os.fork() == 0:
                server.close()
                watch(Connection(asking.detach()))
            asking.close()


def watch(connection: Connection[Any, Any]) -> None:
    """Fork the process that is wished for, tell how it ended, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    function, arguments, seconds = connection.recv()
    child = os.fork()
    if child == 0:
        connection.close()
        act(function, arguments)
    late = []

    def end(*_: object) -> None:
        late.append(child)
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.send(None if late else status)
    os._exit(0)


def act(function: str, arguments: Sequence[Any]) -> None:
    """Call the function, and end."""
    try:
        module, _, name = function.partition(":")
        getattr(import_module(module), name)(*arguments)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
