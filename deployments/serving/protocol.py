"""HTTP that waits for no slow sender, and that ends without a failed request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

WHOLE = "perennial.response"
REQUEST_SECONDS = 10.0
DRAIN_SECONDS = 1.5
LOOK_EVERY = 1.0


class ServingProtocol(HttpToolsProtocol):
    """Close a connection whose request, head and body, is not whole in time.

    The time begins with the connection, and again with the first byte of each later request. When
    the server stops, an idle connection is not closed under a client that is about to send: its
    next answer says `connection: close`, or it stays idle and is closed after a moment.
    """

    alive: ClassVar[set[ServingProtocol]] = set()
    seconds: ClassVar[float] = REQUEST_SECONDS
    since: float | None = None
    draining = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope = cast("dict[str, Any]", cycle.scope)
        scope["extensions"] = {WHOLE: partial(write_whole, cycle)}
        super()._start_asgi_task(cycle, app)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.alive.add(self)
        self.since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self.since is None:
            self.since = self.loop.time()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.since = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive.discard(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self._idle():
            self.draining = True
            self.loop.call_later(DRAIN_SECONDS, self._close_if_idle)
        else:
            super().shutdown()

    def _idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _close_if_idle(self) -> None:
        if self._idle() and not self.transport.is_closing():
            self.transport.close()


async def write_whole(
    cycle: RequestResponseCycle, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> None:
    """Write a response in one piece, where ASGI's two messages are two writes and many checks.

    The names are in lower case, and neither names nor values are what a sender chose freely.
    """
    if cycle.flow.write_paused and not cycle.disconnected:
        await cycle.flow.drain()
    if cycle.disconnected:
        return
    if any(name == b"connection" and value == b"close" for name, value in headers):
        cycle.keep_alive = False
    elif not cycle.keep_alive:
        headers = [*headers, (b"connection", b"close")]
    lines = [b"%b: %b\r\n" % one for one in headers]
    sent = b"" if cycle.scope["method"] == "HEAD" else body
    cycle.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", sent)))
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


async def close_the_slow() -> None:
    """Look at every connection once a second, for ever."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        now = asyncio.get_running_loop().time()
        for each in tuple(ServingProtocol.alive):
            if each.since is not None and now - each.since > each.seconds:
                each.transport.abort()
