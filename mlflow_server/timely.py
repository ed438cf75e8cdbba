"""HTTP that waits for no slow sender, and keeps room for honest ones; for any server of uvicorn's.

Of itself uvicorn (0.54) lets a sender take for ever over a request, and what it counts against its
`limit_concurrency` are connections, whether anything was asked there or not.
"""

from __future__ import annotations

import asyncio
import math
import resource
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Connections of one process: with the files beside them, what one has by default (1,024).
CONNECTIONS = 800
# File descriptors for anything but connections: databases, models, the store, the log, threads.
BESIDE = 200
# Bytes of a request's head; httptools itself takes any.
LARGEST_HEAD = 64 * 1024
# Seconds in which an honest head is whole, so that none makes room for another.
HEAD_SECONDS = 1.0
WHY_FULL = b'{"error":"as many connections are open as this process takes"}'
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nretry-after: 1\r\nconnection: close\r\n\r\n%b"
) % (len(WHY_FULL), WHY_FULL)


class TimelyProtocol(HttpToolsProtocol):
    """Close a connection whose request, head and body, is not whole in time.

    The time begins with the connection, and again with the first byte of each later request. A
    body has more of it the more of it came, as long as it comes at `rate`. An answer is to be
    taken within `reading` seconds, or on and on. Who waits for a whole request's answer, or has a
    websocket, is left alone.

    Where `most` connections are open, one makes room for the next: a head that is overdue, else
    the one that rests longest, else the request that is unfinished longest. Only where all have
    asked something is the new one refused.
    """

    # those that speak HTTP; what became a websocket is none of them
    alive: ClassVar[set[TimelyProtocol]] = set()
    seconds: ClassVar[float] = 10.0
    reading: ClassVar[float] = 60.0
    rate: ClassVar[float] = 1024.0  # bytes a second
    every: ClassVar[float] = 1.0  # seconds between two looks
    most: ClassVar[int] = CONNECTIONS
    since: float | None = None
    # since when something was left to write whenever somebody looked
    unread: float | None = None
    headed = False
    received = 0  # bytes of a request, but for the piece that it began in
    _timer: asyncio.TimerHandle | None = None

    @classmethod
    def allow(cls, wanted: int = CONNECTIONS) -> None:
        """Let this process hold so many connections, or as many as its file descriptors allow."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = max(soft, wanted + BESIDE)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        cls.most = max(1, min(wanted, limit - BESIDE))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most and not self._make_room():
            transport.write(FULL)
            transport.close()
        self.alive.add(self)
        self.since = self.loop.time()
        self._timer = self.loop.call_later(self.every, self._look)

    def data_received(self, data: bytes) -> None:
        if self.since is None:
            self.since = self.loop.time()
            # what went before was taken meanwhile, between two looks
            if self.unread is not None and not self.transport.get_write_buffer_size():
                self.unread = None
        self.received += len(data)
        super().data_received(data)
        endless = not self.headed and self.received > LARGEST_HEAD
        if endless and not self.transport.is_closing():
            self.send_400_response("The head of this request is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.headed, self.received = False, 0
        # of one that came behind another, in one piece
        if self.since is None:
            self.since = self.loop.time()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.headed = True

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.since = None

    def resume_writing(self) -> None:
        super().resume_writing()
        # a reader of a long answer goes on, however slowly
        if self.rate < math.inf:
            self.unread = None

    def handle_websocket_upgrade(self) -> None:
        # uvicorn (0.54) gives the transport to another protocol, and tells this one of no end
        self._leave()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def _leave(self) -> None:
        self.alive.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _make_room(self) -> bool:
        """Close the connection that others go before, and tell whether there was one."""
        ranks = [(rank, other) for other in self.alive if (rank := other.gives_way()) is not None]
        if not ranks:
            return False
        min(ranks, key=lambda ranked: ranked[0])[1].transport.abort()
        return True

    def gives_way(self) -> tuple[int, float] | None:
        """Return its place among those that make room, the first the lowest; None: it stays."""
        if self.transport.is_closing():
            return None
        if self.since is not None:
            overdue = not self.headed and self.loop.time() - self.since > HEAD_SECONDS
            return (0 if overdue else 2), self.since
        resting = self.timeout_keep_alive_task
        return None if resting is None else (1, resting.when())

    def is_slow(self, now: float) -> bool:
        """Tell whether a request, or the reading of an answer, takes too long."""
        if not self.transport.get_write_buffer_size():
            self.unread = None
        elif self.unread is None:
            self.unread = now
        more = self.received / self.rate if self.headed else 0.0
        coming = self.since is not None and now - self.since > self.seconds + more
        return coming or (self.unread is not None and now - self.unread > self.reading)

    def _look(self) -> None:
        # it is not the sender who is slow where the application takes nothing more
        if self.since is not None and self.flow.read_paused:
            self.since += self.every
        if self.is_slow(self.loop.time()):
            # not `close`, which waits for a reader to take what is left to write
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(self.every, self._look)
