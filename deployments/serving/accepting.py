"""Connections shared out evenly among the workers that listen at one socket.

The kernel wakes every worker, and the first to come takes all that wait: after a burst one worker
holds nearly every connection for as long as they live. A worker that has more than another waits a
moment instead. A socket for each worker (SO_REUSEPORT) would be no remedy: what waits at the socket
of a worker that ends is lost.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import mmap
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvloop

from deployments.serving.protocol import ServingProtocol

VARIABLE = "PERENNIAL_SERVING_SHARES"
# More than any worker holds, so that no other waits for one that takes none.
NOT_LISTENING = 2**31 - 1
SIZE = 4  # bytes of a C int, which other processes read whole
# Seconds in which a worker that holds fewer comes first, if it is idle.
PATIENCE = 0.002
# Seconds: the process may be out of file descriptors, and the socket stays readable.
AFTER_AN_ERROR = 1.0
CONNECTIONS = "PERENNIAL_SERVING_CONNECTIONS"
log = logging.getLogger("perennial.serving")


class Shares:
    """How many connections each worker holds, in memory that all of them see."""

    def __init__(self, path: Path) -> None:
        # never closed: POSIX lets a process's locks go with any of its descriptors of the file
        self._file = os.open(path, os.O_RDWR)
        self._held = memoryview(mmap.mmap(self._file, 0)).cast("i")
        self._own = self._claim()

    @staticmethod
    def prepare(path: Path, workers: int) -> None:
        """Make the file; twice as many places, for a worker may begin before another has ended."""
        path.write_bytes(NOT_LISTENING.to_bytes(SIZE, "little") * 2 * workers)

    def tell(self, held: int) -> None:
        """Say how many connections this worker holds."""
        if self._own is not None:
            self._held[self._own] = held

    def fewer_elsewhere(self, held: int) -> bool:
        """Tell whether another worker holds fewer."""
        return any(theirs < held for place, theirs in enumerate(self._held) if place != self._own)

    def _claim(self) -> int | None:
        # a place is a worker's own by a lock, which goes with the process however that ends
        for place in range(len(self._held)):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except OSError:
                continue
            return place
        return None


class Listener:
    """Takes connections one by one, where asyncio's server takes all that wait.

    `held` tells how many this worker has.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        made: Callable[[], asyncio.Protocol],
        shares: Shares,
        held: Callable[[], int],
    ) -> None:
        self._loop, self._socket, self._made = loop, listening, made
        self._shares, self._held = shares, held
        self._later: asyncio.TimerHandle | None = None
        self._arriving: set[asyncio.Task[None]] = set()
        self._closed = False
        listening.setblocking(False)
        self._shares.tell(0)
        self._listen()

    @property
    def sockets(self) -> Sequence[socket.socket]:
        """What it listens at, as a server of asyncio says it."""
        return () if self._closed else (self._socket,)

    def close(self) -> None:
        """Take what waits, and no more; what was taken is answered."""
        self._loop.remove_reader(self._socket)
        if self._later is not None:
            self._later.cancel()
        self._closed = True
        self._shares.tell(NOT_LISTENING)
        # where no other worker listens any more, it would be lost with the socket
        while self._take_one():
            pass

    async def wait_closed(self) -> None:
        """Wait until what was taken has its connection."""
        await asyncio.gather(*self._arriving, return_exceptions=True)

    def _listen(self) -> None:
        self._later = None
        if not self._closed:
            self._loop.add_reader(self._socket, self._ready)

    def _ready(self) -> None:
        held = self._held() + len(self._arriving)
        self._shares.tell(held)
        if self._shares.fewer_elsewhere(held):
            self._pause(PATIENCE, self._again)
        else:
            self._take_one()

    def _again(self) -> None:
        """Take one whatever the others have: whoever has fewer may be busy, or gone."""
        self._listen()
        self._take_one()

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._socket)
        self._later = self._loop.call_later(seconds, then)

    def _take_one(self) -> bool:
        """Take one connection, and tell whether there was one."""
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False  # another worker was first, or the sender is gone
        except OSError as error:
            log.warning("no connection can be taken: %s", error)
            self._pause(AFTER_AN_ERROR, self._listen)
            return False
        # as the loop's own server does: else an answer may wait for an acknowledgement
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._connect(connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)
        return True

    async def _connect(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        _, protocol = await self._loop.connect_accepted_socket(self._made, connection)
        if self._closed and isinstance(protocol, ServingProtocol):
            protocol.shutdown()


class ServingLoop(uvloop.Loop):
    """The event loop of a worker, whose server takes its share."""

    async def create_server(self, protocol_factory: Any, *given: Any, **options: Any) -> Any:
        """Listen at a socket that the workers share; in any other case as asyncio does."""
        path, shared = os.environ.get(VARIABLE), options.get("sock")
        if not path or shared is None:
            return await super().create_server(protocol_factory, *given, **options)
        shared.listen(options["backlog"])
        shares = Shares(Path(path))
        return Listener(self, shared, protocol_factory, shares, lambda: len(ServingProtocol.alive))
