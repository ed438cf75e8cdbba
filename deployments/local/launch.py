"""Become one program of the stack, or stay beside the one that still runs.

The supervisor starts this; the home and the program come from the marks in the environment. A
program outlives a supervisor that was killed: the next one's launcher finds it alive and waits on
it, so nothing stops and no port is fought for. Otherwise what an earlier start left behind is
ended and the process becomes the program.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil

from deployments.local import certificate, secrets
from deployments.local.environment import OFFLINE, clean_environment
from deployments.local.folder import Folder, recall
from deployments.local.ports import Ports
from deployments.local.probe import answers
from deployments.local.processes import (
    end,
    find_marked,
    find_running,
    is_alive,
    record,
    runs_a_flow,
)
from deployments.local.programs import HOME_MARK, PROGRAM_MARK, Program, programs
from deployments.local.seaweedfs import inner_sockets, refuse_foreign
from deployments.local.strangers import refuse_strangers
from tasks.errors import StackError

GRACE = 8.0  # seconds; supervisord kills after 10
PATIENCE = 300.0  # longer than `up` waits


def main() -> None:
    """Run the program that the environment names; does not return."""
    folder = Folder(Path(os.environ[HOME_MARK]))
    name = os.environ[PROGRAM_MARK]
    # Its own file: a pipe to the supervisor breaks with it, and the program at its next line.
    _log_to(folder.log(name))
    memory = recall(folder)
    program = programs(folder, memory, secrets.ensure(folder.secrets))[name]
    found = find_running(folder, name)
    if found is not None and program.adoptable:
        sys.exit(_stay_beside(found))
    # What an earlier start left behind holds the port. Flow runs outlive their worker.
    left = (process for process in find_marked(folder, name) if not runs_a_flow(process))
    end(left, grace=0.5)
    if name == "s3":
        refuse_foreign(inner_sockets(Ports.shifted(memory.offset)))
        certificate.ensure(folder.certificate)
    _wait_for(program.after)
    refuse_told(memory.offset)
    _become(folder, program)


def refuse_told(offset: int) -> None:
    """End this process, saying why, where a program of ours would tell a stranger a password.

    A server that was killed leaves its port to whoever is first. The supervisor tries again.
    """
    try:
        refuse_strangers(offset)
    except StackError as held:
        sys.exit(str(held))


def _log_to(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(handle, stream.fileno())
    os.close(handle)


def _wait_for(address: str) -> None:
    until = time.monotonic() + PATIENCE
    while address and not answers(address) and time.monotonic() < until:
        time.sleep(0.3)


def _become(folder: Folder, program: Program) -> None:
    mark = {HOME_MARK: str(folder.root), PROGRAM_MARK: program.name}
    base = {**clean_environment(os.environ), **OFFLINE, "PYTHONUNBUFFERED": "1"}
    environment = {**base, **program.environment, **mark}
    os.chdir(folder.run)
    # exec keeps the pid: recorded before it, for afterwards this is the program itself.
    record(folder, program.name, os.getpid())
    os.execve(program.command[0], program.command, environment)  # noqa: S606


def _stay_beside(process: psutil.Process) -> int:
    """Wait until `process` ends, or until the supervisor is gone, which must not end it."""

    # The supervisor signals the group that it started, which this process is not in.
    def forward(_signal: int, _frame: FrameType | None) -> None:
        end(_group(process), GRACE)

    signal.signal(signal.SIGTERM, forward)
    supervisor = os.getppid()
    while os.getppid() == supervisor:
        if not is_alive(process):
            return 1  # the supervisor starts a launcher, which becomes the program
        time.sleep(0.2)
    return 0


def _group(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


if __name__ == "__main__":
    main()
