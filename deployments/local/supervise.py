"""Run the programs under supervisord, and talk to it."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil

from deployments.local.environment import OFFLINE, clean_environment
from deployments.local.folder import Folder, write
from deployments.local.logs import tail
from deployments.local.processes import GONE, is_ours
from deployments.local.programs import HOME_MARK, PROGRAM_MARK, SUPERVISOR, names
from tasks.errors import StackError
from tasks.project import REPOSITORY

STARTING = 15.0
SOCKET = "supervisor.sock"
FAILURES = (OSError, HTTPException, xmlrpc.client.Error)


def configuration(folder: Folder, python: str = sys.executable) -> str:
    """Return supervisord's configuration: every program restarted for ever, stopped as a group."""
    top = f"""
[unix_http_server]
file={_escaped(folder.sockets / SOCKET)}
chmod=0700

[supervisord]
logfile={_escaped(folder.log(SUPERVISOR))}
logfile_maxbytes=5MB
logfile_backups=2
pidfile={_escaped(_pidfile(folder))}
childlogdir={_escaped(folder.run)}
directory={_escaped(folder.run)}
umask=077
minfds=256
minprocs=50
nocleanup=true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
    # No secret stands here, nor in its environment: each launcher reads them itself.
    launch = _escaped(shlex.join([python, "-m", "deployments.local.launch"]))
    return top.lstrip() + "".join(_section(folder, name, launch) for name in names())


def _section(folder: Folder, name: str, launch: str) -> str:
    return f"""
[program:{name}]
command={launch}
environment={PROGRAM_MARK}="{name}"
autorestart=true
startretries=1000000
startsecs=1
stopwaitsecs=10
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={_escaped(folder.run / f"{name}.out")}
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=0
"""


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")  # supervisord expands %(name)s in every value


def _pidfile(folder: Folder) -> Path:
    return folder.run / "supervisord.pid"


@contextmanager
def lock(folder: Folder, patience: float) -> Iterator[None]:
    """Hold the stack's lock: one command at a time starts or stops it.

    Raises:
        StackError: another command held it longer than `patience` seconds.
    """
    until = time.monotonic() + patience
    # The kernel frees a lock of flock when its holder dies: no stale lock is to be removed.
    with (folder.run / "lock").open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > until:
                    rule = "one command at a time starts or stops the stack"
                    remedy = "Wait for the other command to end."
                    raise StackError(str(folder.root), rule, None, remedy) from error
            time.sleep(0.1)
        yield


def find_supervisor(folder: Folder) -> psutil.Process | None:
    """Return the supervisor's process if it lives."""
    # The pid file outlives a supervisor that was killed, and its number may be another's by now.
    with suppress(*GONE, ValueError):
        process = psutil.Process(int(_pidfile(folder).read_text("ascii")))
        return process if is_ours(process, folder, SUPERVISOR) else None
    return None


def start(folder: Folder) -> None:
    """Start a supervisor that outlives this process; the caller holds the lock.

    Raises:
        StackError: it does not answer within 15 s.
    """
    path = folder.run / "supervisord.conf"
    write(path, configuration(folder))
    marks = {HOME_MARK: str(folder.root), PROGRAM_MARK: SUPERVISOR, "PYTHONPATH": str(REPOSITORY)}
    command = (sys.executable, "-m", "supervisor.supervisord", "--configuration", str(path))
    # It makes itself a daemon: this returns at once, with what went wrong if anything did.
    done = subprocess.run(
        command,
        env={**clean_environment(os.environ), **OFFLINE, **marks},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=STARTING,
        check=False,
    )
    until = time.monotonic() + STARTING
    while done.returncode == 0 and time.monotonic() < until:
        if find_supervisor(folder) is not None and states(folder) is not None:
            return
        time.sleep(0.05)
    log = folder.log(SUPERVISOR)
    raise StackError(SUPERVISOR, "it starts", f"{done.stdout} {tail(log)}", f"Read {log}.")


def states(folder: Folder) -> dict[str, str] | None:
    """Return each program's state in supervisord's own words, or None when it gives no answer."""
    with suppress(*FAILURES), _calls(folder) as server:
        return {program["name"]: program["statename"] for program in server.getAllProcessInfo()}
    return None


def start_stopped(folder: Folder) -> None:
    """Start the programs that supervisord was told to stop, or gave up on."""
    # Not waited for (`False`): `up` looks itself, at all of them at once.
    for name, state in (states(folder) or {}).items():
        if state in ("STOPPED", "EXITED", "FATAL"):
            with suppress(*FAILURES), _calls(folder) as server:
                server.startProcess(name, False)


def stop(folder: Folder) -> None:
    """Tell the supervisor to stop every program and itself; return at once."""
    with suppress(*FAILURES), _calls(folder) as server:
        server.stopAllProcesses(False)
        server.shutdown()


@contextmanager
def _calls(folder: Folder) -> Iterator[Any]:
    from supervisor.xmlrpc import SupervisorTransport

    address = f"unix://{folder.sockets / SOCKET}"
    transport = SupervisorTransport(None, None, address)
    try:
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            yield server.supervisor
    finally:
        transport.close()
