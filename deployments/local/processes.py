"""Find and end the processes of one stack, known by a mark, and those that hold its ports."""

from __future__ import annotations

import errno
import json
import os
import shlex
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from deployments.local.folder import Folder, write
from deployments.local.ports import Holder
from deployments.local.programs import HOME_MARK, PROGRAM_MARK
from deployments.worker.kind import RUN_NAME
from tasks.errors import bounded

# A process may end between any two questions about it.
GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError)
FLOW_RUN = "PREFECT__FLOW_RUN_ID"


@dataclass(frozen=True)
class Started:
    """Which process runs a program, and how often the program was started since `up`."""

    pid: int
    starts: int


def find_marked(folder: Folder, program: str | None = None) -> Iterator[psutil.Process]:
    """Yield the living processes of this stack, or of one program of it, but not the caller."""
    for process in psutil.process_iter():
        if process.pid != os.getpid() and is_ours(process, folder, program):
            yield process


def is_ours(process: psutil.Process, folder: Folder, program: str | None = None) -> bool:
    """Return whether `process` lives and bears the mark of this stack (and program)."""
    with suppress(*GONE):
        # Another user's environment is closed to us: asked first, and nothing is raised.
        if process.uids().real != os.getuid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        found = process.environ()
        same = found.get(HOME_MARK) == str(folder.root)
        return same and program in (None, found.get(PROGRAM_MARK))
    return False


def runs_a_flow(process: psutil.Process) -> bool:
    """Return whether `process` is a flow run, which outlives the worker that started it."""
    with suppress(*GONE):
        # A forked run's environment is its worker's, as the kernel shows it: its name tells.
        return process.name() == RUN_NAME or FLOW_RUN in process.environ()
    return False


def is_alive(process: psutil.Process) -> bool:
    """Return whether `process` still runs; one that only waits to be reaped does not."""
    with suppress(*GONE):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def end(processes: Iterable[psutil.Process], grace: float) -> int:
    """End the processes, with force after `grace` seconds; return how many there were."""
    found = list(processes)
    for process in found:
        with suppress(*GONE):
            process.terminate()
    stubborn = _wait(found, grace)
    for process in stubborn:
        with suppress(*GONE):
            process.kill()
    _wait(stubborn, 5)
    return len(found)


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    until = time.monotonic() + seconds
    while left := [process for process in processes if is_alive(process)]:
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    return left


def record(folder: Folder, program: str, pid: int) -> None:
    """Keep which process runs `program`, counting its starts."""
    before = read_started(folder, program)
    starts = 1 + (before.starts if before else 0)
    write(folder.run / f"{program}.json", json.dumps({"pid": pid, "starts": starts}))


def read_started(folder: Folder, program: str) -> Started | None:
    """Return what was recorded last, or None."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((folder.run / f"{program}.json").read_text("utf-8"))
        return Started(int(found["pid"]), int(found["starts"]))
    return None


def find_running(folder: Folder, program: str) -> psutil.Process | None:
    """Return the process recorded for `program` if it lives, else None."""
    known = read_started(folder, program)
    if known is None:
        return None
    with suppress(*GONE):
        # The number may be another process's by now: the mark decides.
        process = psutil.Process(known.pid)
        return process if is_ours(process, folder, program) else None
    return None


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
        with suppress(*GONE):
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
    except GONE:
        return Holder(port, pid, "?", "")
