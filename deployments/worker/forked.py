"""A forkserver, and the flow runs it forked, as the worker sees them."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tasks.errors import StackError
from tasks.settings import REPOSITORY

LOG = logging.getLogger("prefect.worker.warm")
UNKNOWN = 1  # the status of a run whose forkserver died before it could tell
PATIENCE = 15.0  # for the import under way; then a start without any is sooner
COUNT = itertools.count()


@dataclass
class Forked:
    """One forked process; `returncode` is None until it ended, negative for a signal."""

    pid: int
    returncode: int | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def wait(self) -> int:
        """Wait for the end, and return the status."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def end(self, status: int) -> None:
        """Keep the status."""
        self.returncode = status
        self._ended.set()

    async def watch(self) -> None:
        """Wait for a process that is no longer its forkserver's, whose status nobody can know."""
        while self.returncode is None:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                self.end(UNKNOWN)
                return
            await asyncio.sleep(0.2)


class ForkserverLost(StackError):
    """The forkserver ended, or hangs, and forked nothing."""

    def __init__(self, came: object) -> None:
        super().__init__("forkserver", f"it forks within {PATIENCE:.0f} s", came)


class Forkserver:
    """A running forkserver. Make the first with `start`, and more of it with `branch`."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.lost = False
        self.told: dict[str, Any] = {}
        self.loaded = asyncio.Event()
        self._channel = channel
        self._children: dict[int, Forked] = {}
        self._asked: dict[str, asyncio.Future[Forked]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter
        self._hearing: asyncio.Task[None]

    @classmethod
    async def start(cls, modules: Sequence[str], environment: Mapping[str, str]) -> Forkserver:
        """Start one in `environment`, and let it import `modules` while it already forks."""
        ours, theirs = socket.socketpair()
        places = [str(REPOSITORY), *environment.get("PYTHONPATH", "").split(os.pathsep)]
        path = os.pathsep.join(dict.fromkeys(filter(None, places)))
        command = (sys.executable, "-m", "deployments.worker.forkserver")
        with theirs:
            process = subprocess.Popen(
                (*command, str(theirs.fileno()), str(os.getpid())),
                env={**environment, "PYTHONPATH": path},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        made = cls(process.pid, ours)
        made._process = process
        await made._open()
        made._say(load=list(modules))
        return made

    async def branch(self, modules: Sequence[str]) -> Forkserver:
        """Fork a second one, which imports `modules` on top of what this one has.

        Raises:
            ForkserverLost: this one ended or hangs.
        """
        ours, theirs = socket.socketpair()
        name = f"branch {next(COUNT)}"
        with theirs:
            asked = self._ask(name)
            text = json.dumps({"branch": list(modules), "name": name}).encode() + b"\n"
            socket.send_fds(self._channel, [text], [theirs.fileno()])
            made = Forkserver((await self._answer(name, asked)).pid, ours)
        await made._open()
        return made

    async def fork(self, run: str, directory: str, environment: Mapping[str, str]) -> Forked:
        """Fork a child that becomes this flow run.

        Raises:
            ForkserverLost: the forkserver ended or hangs.
        """
        asked = self._ask(run)
        self._say(run=run, directory=directory, environment=dict(environment))
        return await self._answer(run, asked)

    def retire(self) -> None:
        """Have it end as soon as no child of it is left."""
        if not self.lost:
            self._say(retire=True)

    async def close(self) -> None:
        """End it; its children go on."""
        self._hearing.cancel()
        with suppress(asyncio.CancelledError):
            await self._hearing
        if not self.lost:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._writer.close()
        if self._process is not None:
            self._process.wait()

    async def _open(self) -> None:
        ours = self._channel
        reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 20)
        self._hearing = asyncio.create_task(self._hear_all(reader))

    def _say(self, **message: object) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")

    def _ask(self, name: str) -> asyncio.Future[Forked]:
        if self.lost:
            raise ForkserverLost("one that ended")
        asked: asyncio.Future[Forked] = asyncio.get_running_loop().create_future()
        self._asked[name] = asked
        return asked

    async def _answer(self, name: str, asked: asyncio.Future[Forked]) -> Forked:
        try:
            return await asyncio.wait_for(asked, PATIENCE)
        except TimeoutError as error:
            raise ForkserverLost("no answer") from error

    async def _hear_all(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                self._hear(json.loads(line))
        self.lost = True
        self._writer.close()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(ForkserverLost("one that ended"))
        await asyncio.gather(*(each.watch() for each in self._children.values()))
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)

    def _hear(self, message: dict[str, Any]) -> None:
        if "began" in message:
            child = self._children[message["pid"]] = Forked(message["pid"])
            asked = self._asked.pop(message["began"])
            if asked.cancelled():  # nobody waits for it any more
                os.kill(child.pid, signal.SIGKILL)
            else:
                asked.set_result(child)
        elif "ended" in message:
            self._children.pop(message["ended"]).end(message["status"])
        else:
            self.told = message
            self.loaded.set()
            LOG.info("Preloaded %(loaded)d modules in %(seconds).1f s", message)
