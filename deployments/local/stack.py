"""Start, stop and look at the local stack: what the command line calls."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.local import secrets, supervise
from deployments.local.access import Access, read_access
from deployments.local.connection import effective_environment, environment, read_secrets
from deployments.local.databases import bring_up_to_date
from deployments.local.folder import (
    Folder,
    Memory,
    recall,
    remember,
    update_memory,
)
from deployments.local.logs import tail
from deployments.local.older import runs_without_keys
from deployments.local.ports import Holder, Ports, refuse_taken
from deployments.local.processes import end, find_marked, holders, read_started
from deployments.local.programs import PROBE, Program, names, programs
from deployments.local.status import ProgramStatus, StackStatus, look
from tasks.errors import PerennialError, StackError
from tasks.policy.reading import count_text
from tasks.project import VARIABLE as PROJECT
from tasks.project import find_project
from tasks.settings import Settings

if TYPE_CHECKING:
    from deployments.local.doctor import Check

Say = Callable[[str], None]
PATIENCE = 240.0  # seconds
TRIES = 4  # starts of one program after which waiting is in vain


def up(home: Path, offset: int | None, say: Say) -> StackStatus:
    """Start the stack under `home`, or heal what is missing of it; return when all is well.

    `offset` shifts every port; None keeps the offset of the last time.

    Raises:
        StackError: a port is taken, or a program does not become well within 4 minutes.
    """
    folder = Folder.at(home)
    Ports.shifted(offset or 0)  # refused before a folder is made
    folder.make()
    if runs_without_keys(folder):
        say("restarting: what runs was started by an older release, without passwords")
        down(home, say)
    with supervise.lock(folder, patience=60):
        before = recall(folder)
        memory = update_memory(before, offset, {**os.environ, **_project()})
        # Not what the supervisor says, but what lives: a program may outlive a killed supervisor.
        fresh = not any(find_marked(folder))
        if not fresh and memory != before:
            rule = "its project, its ports, its bucket and its worker stay while it runs"
            raise StackError(str(folder.root), rule, memory, "Run `perennial down` first.")
        keys = secrets.ensure(folder.secrets)
        every = programs(folder, memory, keys)
        refuse_taken(_taken(folder, memory)[0])
        if fresh:
            bring_up_to_date(folder, say)
        # Remembered before anything starts: each launcher reads it.
        remember(folder, memory)
        if fresh:
            say(f"starting {', '.join(names())}")
        _start(folder, fresh)
    # Outside the lock: the guard needs it to replace a supervisor that dies meanwhile.
    try:
        found = _wait(folder, memory, every, say)
        if fresh:
            memory = _enter_bucket(folder, memory, say)
        # not where the logins are generated: that start may fail, or be another command's
        access = read_access(memory, keys)
        if access.digest != memory.told:
            say(access.told)
            remember(folder, replace(memory, told=access.digest))
        return found
    except PerennialError:
        if fresh:
            down(home, say)
            remember(folder, before)
        raise


def _enter_bucket(folder: Folder, memory: Memory, say: Say) -> Memory:
    from tasks.promotion.signing import accept_everywhere
    from tasks.store.connect import open_bucket

    # From here on `health` reads an object, which needs the volumes, not only the filer.
    settings = Settings.from_environment(environment(folder.root))
    bucket = open_bucket(settings)
    bucket.put(PROBE, b"well\n")
    # this once: later, what has no signature is of somebody who has no key
    if not memory.signed:
        accept_everywhere(bucket, settings.keyring, say)
        memory = replace(memory, signed=True)
        remember(folder, memory)
    return memory


def _project() -> dict[str, str]:
    project = find_project()
    return {} if project is None else {PROJECT: str(project.root)}


def down(home: Path, say: Say) -> None:
    """Stop every process of the stack, also when its supervisor is gone; its state stays.

    Raises:
        StackError: another command holds the stack for more than a minute.
    """
    folder = Folder.at(home)
    if not folder.run.exists():
        return
    with supervise.lock(folder, patience=60):
        # First of all: while the file is there, the guard starts a new supervisor.
        folder.wanted.unlink(missing_ok=True)
        supervise.stop(folder)
        # supervisord kills what does not end within 10 s (`stopwaitsecs`).
        until = time.monotonic() + 15
        while any(find_marked(folder)) and time.monotonic() < until:
            time.sleep(0.2)
        left = 0
        # In rounds: a launcher that was about to start something is met in the next one.
        while ended := end(find_marked(folder), grace=3):
            left += ended
        _released(folder, patience=5)
    say(
        "stopped"
        if not left
        else f"stopped; {count_text(left, 'process', 'processes')} had to be ended by force"
    )


def status(home: Path) -> StackStatus:
    """Return how each process of the stack under `home` is."""
    folder = Folder.at(home)
    memory = recall(folder)
    # Of a stack that was never started there are no keys, and looking makes none.
    found = secrets.read(folder.secrets) or {}
    return look(folder, memory, programs(folder, memory, secrets.with_blanks(found)))


def doctor(home: Path) -> tuple[Check, ...]:
    """Look at the machine, the ports and the servers; it works with a stack that is down."""
    from deployments.local import doctor as checks
    from deployments.local.own_checks import check_own

    folder = Folder.at(home)
    project = find_project()
    versions = [checks.check_versions(project.lock)] if project else []
    machine = (checks.check_python(), *versions, checks.check_disk(folder))
    try:
        memory = recall(folder)
        local = secrets.read(folder.secrets) is not None
        wanted = effective_environment(home)
        settings = Settings.from_environment(wanted)
        ports = checks.check_ports(*_taken(folder, memory))
        ours = (ports, checks.check_processes(status(home)), *check_own(folder, memory, settings))
    except PerennialError as error:
        ports = checks.check_ports(*_taken(folder, Memory()))
        return (*machine, ports, checks.Check("settings", False, str(error), checks.UP))
    servers = (*checks.check_bucket(settings), checks.check_mlflow(settings, wanted))
    # Beside a bucket in a folder there is no clock but ours, and no server of Prefect's.
    if settings.folder is not None:
        return (*machine, *servers)
    clock, prefect = checks.check_clock(settings), checks.check_prefect(settings, wanted)
    return (*machine, *(ours if local else ()), clock, *servers, prefect)


def access(home: Path) -> Access:
    """Return what a person opens of the stack under `home`, and how she logs in.

    Raises:
        StackError: it was never started.
    """
    folder = Folder.at(home)
    return read_access(recall(folder), secrets.with_blanks(read_secrets(folder)))


def _released(folder: Folder, patience: float) -> None:
    # A process is gone from the kernel's table before all its sockets are closed.
    until = time.monotonic() + patience
    while any(_taken(folder, recall(folder))[0]) and time.monotonic() < until:
        time.sleep(0.05)


def _taken(folder: Folder, memory: Memory) -> tuple[tuple[Holder, ...], int]:
    needed = Ports.shifted(memory.offset).by_name().values()
    mine = {process.pid for process in find_marked(folder)}
    return tuple(holder for holder in holders(needed) if holder.pid not in mine), len(needed)


def _start(folder: Folder, fresh: bool) -> None:
    if fresh:
        # The count of starts of the last time would use up this time's tries.
        for name in names():
            (folder.run / f"{name}.json").unlink(missing_ok=True)
    folder.wanted.touch(mode=0o600)
    if supervise.find_supervisor(folder) is None:
        supervise.start(folder)
    supervise.start_stopped(folder)


def _wait(folder: Folder, memory: Memory, every: Mapping[str, Program], say: Say) -> StackStatus:
    begin = time.monotonic()
    seen: set[str] = set()
    before = {name: known.starts for name in every if (known := read_started(folder, name))}
    while True:
        now = look(folder, memory, every)
        after = time.monotonic() - begin
        for program in now.programs:
            if program.state == "up" and program.name not in seen:
                seen.add(program.name)
                say(f"{program.name} is up after {after:.1f} s {program.address}".strip())
            tries = program.restarts + 1 - before.get(program.name, 0)
            if program.state != "up" and (after > PATIENCE or tries > TRIES):
                raise _failure(folder, program, tries)
        if now.green:
            return now
        time.sleep(0.3)


def _failure(folder: Folder, program: ProgramStatus, tries: int) -> StackError:
    log = folder.log(program.name)
    came = f"{tries} starts, no health; its last lines:\n{tail(log)}\n"
    remedy = f"Read {log}, mend the cause, run `perennial up` again."
    return StackError(program.name, f"it starts within {PATIENCE:.0f} s", came, remedy)
