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

    `versions` are those that each connection saw, in order, repeats left out.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
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
    lines = [f"POST {path} HTTP/1.1", "host: t", "content-type: application/json", *headers]
    head = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""])
    return head.encode() + body


def run_load(
    port: int, request: bytes, *, connections: int, seconds: float, pause: float = 0.0
) -> Load:
    """Send the request again and again on each connection; one at a time, `pause` between."""
    return uvloop.run(load(port, request, connections, seconds, pause))


async def load(
    port: int, request: bytes, connections: int, seconds: float, pause: float = 0.0
) -> Load:
    """As `run_load`, within a running loop."""
    found = Load()
    end = time.monotonic() + seconds
    started = time.monotonic()
    await asyncio.gather(
        *(_connection(port, request, end, pause, found) for _ in range(connections))
    )
    found.taken = time.monotonic() - started
    return found


async def _connection(port: int, request: bytes, end: float, pause: float, found: Load) -> None:
    loop = asyncio.get_running_loop()
    seen: list[int] = []
    found.versions.append(seen)
    client: _Client | None = None
    while time.monotonic() < end:
        try:
            if client is None:
                _, client = await loop.create_connection(_Client, "127.0.0.1", port)
                seen = []
                found.versions.append(seen)
            started = time.perf_counter()
            status, answer, closing = await asyncio.wait_for(client.ask(request), 20)
        except (OSError, TimeoutError, ConnectionError) as error:
            found.failures.append(f"{time.time():.3f} {error!r}")
            if client is not None:
                client.close()
            client = None
            continue
        found.seconds.append(time.perf_counter() - started)
        found.statuses[status] += 1
        version = VERSION.search(answer)
        if version and seen[-1:] != [int(version[1])]:
            seen.append(int(version[1]))
        if closing:
            client.close()
            client = None
        if pause:
            await asyncio.sleep(pause)
    if client is not None:
        client.close()


class _Client(asyncio.Protocol):
    """One connection that asks one thing at a time."""

    def __init__(self) -> None:
        self._data = b""
        self._answer: asyncio.Future[tuple[int, bytes, bool]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes, bool]]:
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self._answer.set_exception(ConnectionResetError("closed between two requests"))
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = LENGTH.search(head)
        if self._answer is None or length is None or len(body) < int(length[1]):
            return
        closing = CLOSING.search(head) is not None
        self._data = b""
        if not self._answer.done():
            self._answer.set_result((int(head[9:12]), body, closing))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("closed by the server"))

    def close(self) -> None:
        self._transport.close()
