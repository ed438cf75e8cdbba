"""Steady load on one address: every answer looked at, every failure kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import uvloop

LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
VERSION = re.compile(rb'"version":(\d+)')
CLOSING = re.compile(rb"connection: close", re.IGNORECASE)


@dataclass
class Load:
    """What came of it: `statuses` by number, seconds of each answer, what failed and when.

    `versions` are those that each connection saw, in order, repeats left out;
    `admitted` are the seconds of the answers that say 200.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    admitted: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    versions: list[list[int]] = field(default_factory=list)
    taken: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(self.statuses.values()) / self.taken

    def quantile(self, share: float) -> float:
        """Return this quantile of the seconds."""
        return float(np.quantile(self.seconds, share))


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Return a whole request, as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "host: localhost", "content-type: application/json", *headers]
    head = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""])
    return head.encode() + body


def run_load(
    port: int,
    request: bytes,
    *,
    connections: int,
    seconds: float,
    pause: float = 0.0,
    spread: bool = False,
) -> Load:
    """Send the request again and again on each connection; one at a time, `pause` between.

    With `spread`, each begins somewhere in its first pause, rather than all at once.
    """
    return uvloop.run(load(port, request, connections, seconds, pause, spread))


async def load(
    port: int,
    request: bytes,
    connections: int,
    seconds: float,
    pause: float = 0.0,
    spread: bool = False,
) -> Load:
    """As `run_load`, within a running loop."""
    loop, found = asyncio.get_running_loop(), Load()
    started = time.monotonic()
    senders = [
        _Sender(loop, port, request, started + seconds, pause, found, pause * part)
        for part in (np.arange(connections) / connections if spread else np.zeros(connections))
    ]
    await asyncio.gather(*(one.run() for one in senders))
    found.taken = time.monotonic() - started
    return found


class _Sender(asyncio.Protocol):
    """One connection that asks one thing at a time, and connects again when it is closed.

    All happens in callbacks: a task or a timeout for each request would cost more than the server.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        port: int,
        request: bytes,
        end: float,
        pause: float,
        found: Load,
        wait: float,
    ) -> None:
        self._loop, self._port, self._request = loop, port, request
        self._end, self._pause, self._found = end, pause, found
        self._done: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._asking, self._wait = False, wait

    async def run(self) -> None:
        """Ask until the end, and wait for the last answer, but not for ever."""
        await self._connect()
        try:
            await asyncio.wait_for(self._done, self._end - time.monotonic() + 20)
        except TimeoutError:
            self._found.failures.append(f"{time.time():.3f} no answer")
        if self._transport is not None:
            self._transport.close()

    async def _connect(self) -> None:
        self._data, self._seen = b"", []
        self._found.versions.append(self._seen)
        try:
            await self._loop.create_connection(lambda: self, "127.0.0.1", self._port)
        except OSError as error:
            self._fail(error)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._wait:
            self._loop.call_later(self._wait, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        if self._transport is None:
            return
        if time.monotonic() >= self._end:
            self._finish()
            return
        self._asking, self._started = True, time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = LENGTH.search(head)
        if length is None or len(body) < int(length[1]):
            return
        self._asking, self._data, found = False, b"", self._found
        found.seconds.append(time.perf_counter() - self._started)
        found.statuses[int(head[9:12])] += 1
        if head[9:12] == b"200":
            found.admitted.append(found.seconds[-1])
        version = VERSION.search(body)
        if version and self._seen[-1:] != [int(version[1])]:
            self._seen.append(int(version[1]))
        if CLOSING.search(head) and self._transport is not None:
            self._transport.close()
        elif self._pause:
            self._loop.call_later(self._pause, self._ask)
        else:
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._asking:
            self._fail(error or ConnectionResetError("closed by the server"))
        elif not self._done.done():
            self._again()

    def _fail(self, error: Exception) -> None:
        self._asking = False
        self._found.failures.append(f"{time.time():.3f} {error!r}")
        self._again()

    def _again(self) -> None:
        if time.monotonic() >= self._end:
            self._finish()
        else:
            self._reconnecting = self._loop.create_task(self._connect())

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)
