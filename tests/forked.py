"""Processes forked from one that has the imports already, whichever test asked for it first."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import Any

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
        if self.modules.issuperset(modules):
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
