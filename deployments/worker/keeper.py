"""Keep a forkserver whose code is the code on the disk."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress

from deployments.worker.forked import Forked, Forkserver, ForkserverLost
from deployments.worker.freshness import Stamp, installed, stamp
from deployments.worker.modules import Preload, sources

LOG = logging.getLogger("prefect.worker.warm")
SOON = 10.0  # seconds within which a forkserver that died is not tried again


class Keeper:
    """A trunk with the libraries, which take many seconds, and a branch of it with the code.

    When the code changes only the branch is replaced, in a second or less. What was replaced
    lives on until its last flow run ended.
    """

    def __init__(self, preload: Preload, environment: Mapping[str, str]) -> None:
        self.preload = preload
        self.environment = environment
        self.trunk: Forkserver | None = None
        self.branch: Forkserver | None = None
        self._sources = sources(preload.code)
        self._installed = 0
        self._code: Stamp = frozenset()
        self._started = -SOON
        self._former: list[Forkserver] = []
        self._turn = asyncio.Lock()
        self._growing: asyncio.Task[None] | None = None

    async def refresh(self) -> Forkserver:
        """Return a forkserver with nothing that is not on the disk now, started where it must be.

        While the trunk still imports the libraries it is the one: its children import the code.

        Raises:
            ForkserverLost: the trunk died within seconds of its start, or hangs.
        """
        async with self._turn:
            trunk = await self._fresh_trunk()
            if not trunk.loaded.is_set():
                return trunk
            found = stamp(self._sources)
            branch = self.branch
            if branch is None or branch.lost or found != self._code:
                if branch is not None and not branch.lost:
                    LOG.info("The code changed: preloading it again")
                self._retire(branch)
                self._code = found
                branch = self.branch = await trunk.branch(self.preload.code)
            return branch

    async def fork(self, run: str, directory: str, environment: Mapping[str, str]) -> Forked:
        """Fork a child that becomes this flow run.

        Raises:
            ForkserverLost: there is none that could.
        """
        return await (await self.refresh()).fork(run, directory, environment)

    async def close(self) -> None:
        """End every forkserver; flow runs under way go on."""
        if self._growing is not None:
            self._growing.cancel()
        for each in (*self._former, self.branch, self.trunk):
            if each is not None:
                await each.close()

    async def _fresh_trunk(self) -> Forkserver:
        found = installed()
        if self.trunk is not None and not self.trunk.lost and found == self._installed:
            return self.trunk
        if self.trunk is not None and self.trunk.lost:
            if time.monotonic() - self._started < SOON:
                raise ForkserverLost("one that ended soon after its start")
            LOG.warning("The forkserver ended: starting another")
        if self._growing is not None:
            self._growing.cancel()
        self._retire(self.branch)
        self._retire(self.trunk)
        self.branch = None
        self._installed = found
        self._started = time.monotonic()
        self.trunk = await Forkserver.start(self.preload.libraries, self.environment)
        self._growing = asyncio.create_task(self._grow(self.trunk))
        return self.trunk

    async def _grow(self, trunk: Forkserver) -> None:
        """Make the branch before a run asks for it."""
        await trunk.loaded.wait()
        with suppress(ForkserverLost):
            await self.refresh()

    def _retire(self, server: Forkserver | None) -> None:
        every = self._former if server is None else [*self._former, server]
        if server is not None:
            server.retire()
        self._former = [each for each in every if not each.lost]
