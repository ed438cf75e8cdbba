"""The standard library's forkserver, with what flows import already in it.

There is one in a process, as `multiprocessing` has it. All of this runs on the event loop's thread:
`Process.start` polls every other process, and of two threads that poll one, one misses its status.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

from deployments.worker.child import become
from deployments.worker.kind import ORDER
from deployments.worker.modules import Preload, packages, sources, stamp, stamp_installed
from tasks.errors import StackError

LOG = logging.getLogger("prefect.worker.warm")
UNKNOWN = 1  # the status of a run whose forkserver died before it could tell
PATIENCE = 15.0  # for the imports under way; then a start without any is sooner
SOON = 10.0  # seconds within which a forkserver that died is not tried again
GRACE = 5.0  # between asking a run to end and killing it


class ForkserverLost(StackError):
    """The forkserver ended, or is not ready, and forked nothing."""

    def __init__(self, came: object) -> None:
        super().__init__("forkserver", f"it forks within {PATIENCE:.0f} s", came)


class Child:
    """One forked run, the leader of its process group."""

    def __init__(self, process: BaseProcess) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self.ended = asyncio.create_task(self._watch(process))

    async def wait(self) -> int:
        """Wait for the end; return the exit status, or minus the signal."""
        # Shielded: one launcher that goes away must not cancel what others wait for.
        return await asyncio.shield(self.ended)

    async def end(self) -> None:
        """Ask the run and its children to end, and kill them after some seconds."""
        # It waits for the pid and not for `ended`: a worker that is stopped cancels every task.
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.pid, sign)
            until = time.monotonic() + GRACE
            while psutil.pid_exists(self.pid) and time.monotonic() < until:
                await asyncio.sleep(0.05)

    async def _watch(self, process: BaseProcess) -> int:
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        # A pipe: the forkserver writes the status into it, or leaves it closed when it is killed.
        loop.add_reader(process.sentinel, told.set)
        try:
            await told.wait()
        finally:
            loop.remove_reader(process.sentinel)
        status = process.exitcode
        assert status is not None
        # The forkserver was killed: nobody else knows how the run ends.
        while psutil.pid_exists(self.pid):
            status = UNKNOWN
            await asyncio.sleep(0.2)
        return status


class Forkserver:
    """Preload and fork; begin anew where the forkserver died or the libraries changed.

    `address` is where the forkserver's socket shall be, in a folder that only this user enters: it
    tells there what it loaded.
    """

    def __init__(self, preload: Preload, address: Path) -> None:
        self.pid = 0
        self.children: set[Child] = set()
        self._preload = preload
        self._address = address
        self._sources = sources(preload.code)
        self._started = -SOON
        self._listener: asyncio.Server
        self._loaded: asyncio.Future[dict[str, Any]]

    async def start(self) -> None:
        """Start it; it forks once everything is loaded."""
        multiprocessing.set_forkserver_preload(["deployments.worker.preload"])
        self._listener = await asyncio.start_unix_server(self._hear, self._address)
        self._begin()

    async def loaded(self) -> dict[str, Any]:
        """Wait until everything is loaded; return what the forkserver told about it.

        Raises:
            ForkserverLost: it died meanwhile.
        """
        return await asyncio.shield(self._loaded)

    async def fork(self, directory: str, environment: Mapping[str, str]) -> Child:
        """Fork a child that becomes the flow run of `environment`.

        Where the code changed since it was preloaded, the child forgets it and imports its own.

        Raises:
            ForkserverLost: it died, is not ready, or has other libraries than the disk.
        """
        self._renew()
        try:
            await asyncio.wait_for(self.loaded(), PATIENCE)
        except TimeoutError as error:
            raise ForkserverLost("imports under way") from error
        # Asked before every fork, not watched: a deploy between two runs must not be missed.
        stale = stamp(self._sources) != self._code
        forget = packages(self._preload.code) if stale else ()
        process = multiprocessing.get_context("forkserver").Process(
            target=become, args=(directory, dict(environment), forget)
        )
        try:
            process.start()
        except (EOFError, OSError) as error:
            raise ForkserverLost(error) from error
        child = Child(process)
        self.children.add(child)
        child.ended.add_done_callback(lambda _: self.children.discard(child))
        return child

    def close(self) -> None:
        """End it; its children go on."""
        self._listener.close()
        self._kill()

    def _renew(self) -> None:
        """Replace a forkserver that died, or that has other libraries than the disk."""
        if not self._loaded.done():
            forkserver.ensure_running()
        elif self._died():
            if time.monotonic() - self._started < SOON:
                raise ForkserverLost("one that ended soon after its start")
            LOG.warning("The forkserver ended: starting another")
            self._begin()
        elif stamp_installed() != self._installed:
            if self.children:  # killed now, it could not tell how they end
                raise ForkserverLost("libraries that were replaced while runs are under way")
            LOG.info("The libraries changed: preloading them again")
            self._kill()
            self._begin()

    def _begin(self) -> None:
        self.pid = 0
        # Stamped before the import begins: what changes meanwhile counts as changed.
        self._started = time.monotonic()
        self._installed, self._code = stamp_installed(), stamp(self._sources)
        self._loaded = asyncio.get_running_loop().create_future()
        modules = [*self._preload.libraries, *self._preload.code]
        order = {"parent": os.getpid(), "address": str(self._address), "path": sys.path}
        # it stays set: where `Process.start` finds the forkserver dead, it starts another itself
        os.environ[ORDER] = json.dumps({**order, "modules": modules})
        forkserver.ensure_running()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = json.loads(await reader.readline())["pid"]
        report = await reader.readline()
        writer.close()
        if report:
            told = json.loads(report)
            LOG.info("Preloaded %(loaded)d modules in %(seconds).1f s", told)
            if not self._loaded.done():
                self._loaded.set_result(told)
        elif not self._loaded.done():
            self._loaded.set_exception(ForkserverLost("one that ended while it imported"))
            self._loaded.exception()  # looked at, also where no run waits for it

    def _died(self) -> bool:
        # WNOWAIT leaves it for `ensure_running`, which must collect it to start another.
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self.pid, options) is not None
        except ChildProcessError:
            return True

    def _kill(self) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            # Until it is dead, `ensure_running` would find it alive and start nothing.
            with suppress(ChildProcessError):
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
