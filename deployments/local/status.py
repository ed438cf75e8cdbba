"""How each process of the stack is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import psutil

from deployments.local.environment import REGION
from deployments.local.folder import Folder, Memory
from deployments.local.probe import answers, reads
from deployments.local.processes import GONE, find_running, read_started
from deployments.local.programs import SUPERVISOR, Program
from deployments.local.strangers import find_strangers
from deployments.local.supervise import find_supervisor, states
from tasks.records import plain

State = Literal["up", "starting", "down"]


@dataclass(frozen=True)
class ProgramStatus:
    """One process: its state, pid, address, seconds alive, and restarts since `up`."""

    name: str
    state: State
    pid: int | None = None
    address: str = ""
    uptime: float | None = None
    restarts: int = 0


@dataclass(frozen=True)
class StackStatus:
    """The whole stack: its home, the shift of its ports, its processes, what a person opens.

    `strangers` says of each server's port that another user holds whose it is and what to do.
    """

    home: str
    offset: int
    programs: tuple[ProgramStatus, ...]
    addresses: Mapping[str, str]
    strangers: tuple[str, ...] = ()

    @property
    def green(self) -> bool:
        """Whether every process is up."""
        return all(program.state == "up" for program in self.programs)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**plain(self), "green": self.green}


def verdict(alive: bool, well: bool, supervised: str | None) -> State:
    """Say how a program is, from what the system, the program and the supervisor say.

    >>> verdict(True, True, "RUNNING"), verdict(True, False, "RUNNING")
    ('up', 'starting')
    >>> verdict(False, False, "BACKOFF"), verdict(False, False, None)
    ('starting', 'down')
    """
    if alive and well:
        return "up"
    coming = alive or supervised in ("STARTING", "RUNNING", "BACKOFF")
    return "starting" if coming else "down"


def look(folder: Folder, memory: Memory, programs: Mapping[str, Program]) -> StackStatus:
    """Return how every process is now, within about 2 s."""
    known = states(folder) or {}
    # All at once: a server that hangs takes its 2 s, and seven of them would take 14.
    with ThreadPoolExecutor(len(programs)) as pool:
        supervised = [known.get(name) for name in programs]
        found = list(pool.map(partial(_program, folder), programs.values(), supervised))
    return StackStatus(
        str(folder.root),
        memory.offset,
        (_supervisor(folder, bool(known)), *found),
        {name: programs[name].address for name in ("prefect", "mlflow", "serving", "s3")},
        tuple(map(str, find_strangers(memory.offset))),
    )


def _supervisor(folder: Folder, answered: bool) -> ProgramStatus:
    process = find_supervisor(folder)
    state = verdict(process is not None, answered, None)
    return ProgramStatus(SUPERVISOR, state, process.pid if process else None, "", _uptime(process))


def _program(folder: Folder, program: Program, supervised: str | None) -> ProgramStatus:
    process = find_running(folder, program.name)
    well = process is not None and is_well(program)
    known = read_started(folder, program.name)
    return ProgramStatus(
        program.name,
        verdict(process is not None, well, supervised),
        process.pid if process else None,
        program.address,
        _uptime(process),
        max(0, known.starts - 1) if known else 0,
    )


def is_well(program: Program) -> bool:
    """Ask the program itself; one that cannot be asked is well as long as it lives."""
    if program.signed:
        return reads(program.health, program.environment, REGION)
    return not program.health or answers(program.health)


def _uptime(process: psutil.Process | None) -> float | None:
    with suppress(*GONE):
        return None if process is None else round(time.time() - process.create_time(), 1)
    return None
