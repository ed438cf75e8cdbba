"""HTTP that waits for no slow sender, and that ends without a failed request."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from deployments.serving.response import Header, Response

if TYPE_CHECKING:
    from deployments.serving.application import Application

# Bytes of a body that is held until it is whole: larger ones are streamed, and stopped in time.
LARGEST_HELD = 64 * 1024
# From the first byte of a request to its last.
REQUEST_SECONDS = 10.0
# An idle connection stays open so long once the server stops.
DRAIN_SECONDS = 1.5
LOOK_EVERY = 1.0
WHY_FULL = b'{"error":"as many connections are open as one worker takes"}'
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nretry-after: 1\r\nconnection: close\r\n\r\n%b"
) % (len(WHY_FULL), WHY_FULL)
log = logging.getLogger("perennial.serving")


class ServingProtocol(HttpToolsProtocol):
    """Close a connection whose request, head and body, is not whole in time.

    The time begins with the connection, and again with the first byte of each later request. Its
    answer is to be taken in the same time. Where there are as many connections as one worker
    holds, the one that has rested longest makes room, and without one the new one is refused.

    A request is held until it is whole, and then answered without a task of the loop where the
    application can `at_once`. Of requests that came in one piece only the first is, so that no
    sender keeps the others waiting.
    """

    alive: ClassVar[set[ServingProtocol]] = set()
    seconds: ClassVar[float] = REQUEST_SECONDS
    # of one worker; set from the command's line
    most: ClassVar[int] = 2**31
    since: float | None = None
    # since when something was left to write whenever somebody looked
    unread: float | None = None
    draining = False
    first = False
    held = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # one that waited for its turn may be whole already, and would never be let go
        if self.first and cycle.more_body and not cycle.waiting_for_100_continue:
            self.first, self.held = False, True
        else:
            super()._start_asgi_task(cycle, app)

    def _answer(self) -> bool:
        """Answer the held request, and tell whether that could be done at once."""
        if self.flow.write_paused:
            return False
        application, cycle = cast("Application", self.app), self.cycle
        answered = application.at_once(cast("dict[str, Any]", cycle.scope), bytes(cycle.body))
        if answered is not None:
            _write(cycle, *answered)
        return answered is not None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.alive) >= self.most and not self._make_room():
            transport.write(FULL)
            transport.close()
        self.alive.add(self)
        self.since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self.since is None:
            self.since = self.loop.time()
            # what went before was taken meanwhile, between two looks
            if self.unread is not None and not self.transport.get_write_buffer_size():
                self.unread = None
        self.first = True
        super().data_received(data)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        # its answer says `connection: close`, which a client takes for an end
        if self.draining:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self.held and len(self.cycle.body) > LARGEST_HELD:
            self.held = False
            super()._start_asgi_task(self.cycle, self.app)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.since = None
        if self.held:
            self.held = False
            if not self._answer():
                super()._start_asgi_task(self.cycle, self.app)

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive.discard(self)
        super().connection_lost(exc)

    def _make_room(self) -> bool:
        """Close the connection that rests longest, and tell whether there was one."""
        resting = [one for one in self.alive if one.rests_until]
        if not resting:
            return False
        min(resting, key=lambda one: one.rests_until).transport.abort()
        return True

    @property
    def rests_until(self) -> float:
        """When it is closed, where it waits for a request that has not begun; else 0."""
        timed = self.timeout_keep_alive_task
        return 0.0 if timed is None or self.transport.is_closing() else timed.when()

    def is_slow(self, now: float) -> bool:
        """Tell whether a request, or the reading of an answer, takes too long."""
        if not self.transport.get_write_buffer_size():
            self.unread = None
        elif self.unread is None:
            self.unread = now
        begun = [since for since in (self.since, self.unread) if since is not None]
        return bool(begun) and now - min(begun) > self.seconds

    def shutdown(self) -> None:
        # a client may be about to send: it would find the connection closed under its request
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


def _write(cycle: RequestResponseCycle, response: Response, headers: list[Header]) -> None:
    """Write a response in one piece, where ASGI's two messages are two writes and many checks.

    The names are in lower case, and neither names nor values are what a sender chose freely.
    """
    if (b"connection", b"close") in headers:
        cycle.keep_alive = False
    elif not cycle.keep_alive:
        headers.append((b"connection", b"close"))
    lines = [b"%b: %b\r\n" % header for header in headers]
    cycle.transport.write(b"".join((STATUS_LINE[response.status], *lines, b"\r\n", response.body)))
    cycle.response_started = cycle.response_complete = True
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    # it is a method of the connection, which holds the cycle: each would keep the other
    cycle.on_response = lambda: None


async def close_the_slow(every: float = LOOK_EVERY) -> None:
    """Look at every connection once in so many seconds, for ever."""
    while True:
        await asyncio.sleep(every)
        now = asyncio.get_running_loop().time()
        for connection in tuple(ServingProtocol.alive):
            # nobody waits for this task, so nobody would hear of its end
            try:
                if connection.is_slow(now):
                    # not `close`, which waits for a reader to take what is left to write
                    connection.transport.abort()
            except Exception:
                log.exception("a connection was not looked at")
