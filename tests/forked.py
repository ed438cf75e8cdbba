"""Processes forked from one that has the imports already, whichever test asked for it first."""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from threading import Lock
from typing import Any

EVERYTHING = "tests.flows.warm"
CONTEXT = multiprocessing.get_context("forkserver")


@dataclass
class Preloaded:
    """What the forkserver of this process has imported, and which one that is."""

    modules: set[str] = field(default_factory=set)
    pid: int | None = None

    def bring(self, modules: set[str]) -> None:
        """Replace a forkserver that lacks modules: every child would import them anew."""
        # a process has one, and the first to use it, a replay's workers say, settles its modules
        server: Any = forkserver._forkserver  # type: ignore[attr-defined]
        if self.pid is None or server._forkserver_pid != self.pid:
            self.modules.clear()
        if EVERYTHING in self.modules or self.modules.issuperset(modules):
            return
        self.modules |= modules
        server._stop()
        CONTEXT.set_forkserver_preload(sorted(self.modules))
        forkserver.ensure_running()
        self.pid = server._forkserver_pid


PRELOADED = Preloaded()


def forking(*modules: str) -> ForkServerContext:
    """Return the context of a forkserver that has imported these modules."""
    PRELOADED.bring(set(modules))
    return CONTEXT


def fork(function: str, arguments: Sequence[Any], seconds: float) -> int | None:
    """Call `module:function` in a process that has every import; return how it ended.

    The exit status, negative for a signal; None: it did not end in time, and was killed.
    """
    with FORKING:
        process: Any = forking(EVERYTHING).Process(target=_call, args=(function, arguments))
        process.start()
        # Each start polls all children, and whoever polls first takes the exit status away from
        # the thread that waits for it.
        multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        return None
    return int(process.exitcode)


def _call(function: str, arguments: Sequence[Any]) -> None:
    module, _, name = function.partition(":")
    getattr(import_module(module), name)(*arguments)


FORKING = Lock()
Fork = Callable[[str, Sequence[Any], float], int | None]


@dataclass
class Forks:
    """Who forks for the tests of this process: xdist's controller, once for all of its workers."""

    fork: Fork = fork


FORKS = Forks()
