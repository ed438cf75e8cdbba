"""A TCP proxy on loopback before a real server, which does to connections what a network does."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Mode = Literal["open", "silent", "reset", "busy"]
BUSY = b"HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
PIECE = 65536
LOOK_EVERY = 0.02  # seconds


class Proxy:
    """What becomes of connections, set by the test at any time, also of those that are open.

    `mode`: `open` passes on; `silent` is half-open, it takes connections and bytes and passes none
    on; `reset` ends each with an RST; `busy` answers 503. `delay` holds each piece of an answer
    for so many seconds. Each piece of a request goes through `ask`, each of an answer through
    `answer`; where one returns None the piece is lost and the connection reset.
    """

    def __init__(self, behind: int) -> None:
        self.behind = behind
        self.port = 0
        self.mode: Mode = "open"
        self.delay = 0.0
        self.ask: Callable[[bytes], bytes | None] = bytes
        self.answer: Callable[[bytes], bytes | None] = bytes
        self.taken: list[float] = []  # when each connection came

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to its end."""
        self.taken.append(time.monotonic())
        writers = [writer]
        try:
            while self.mode == "silent":
                await asyncio.sleep(LOOK_EVERY)
            if self.mode == "busy":
                await refuse(reader, writer)
                return
            server = await asyncio.open_connection("127.0.0.1", self.behind)
            writers.append(server[1])
            there = self._pump(reader, server[1], writer, asking=True)
            back = self._pump(server[0], writer, writer, asking=False)
            ways = [asyncio.ensure_future(there), asyncio.ensure_future(back)]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        # One that is cancelled is told by asyncio (3.11) as a failure.
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            if self.mode == "reset":
                cut(writer)
            for one in writers:
                one.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        *,
        asking: bool,
    ) -> None:
        while piece := await self._next(reader):
            if not asking and self.delay:
                await asyncio.sleep(self.delay)
            while self.mode == "silent":
                await asyncio.sleep(LOOK_EVERY)
            if asking and self.mode == "busy":
                await refuse(reader, client)
                return
            passed = self.ask(piece) if asking else self.answer(piece)
            if passed is None or self.mode == "reset":
                cut(client)
                return
            writer.write(passed)
            await writer.drain()

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        # Looked at again and again: a connection on which nothing moves is reset as well.
        read = asyncio.ensure_future(reader.read(PIECE))
        while not read.done() and self.mode != "reset":
            await asyncio.wait([read], timeout=LOOK_EVERY)
        if not read.done():
            read.cancel()
            return b""
        return read.result()


def cut(writer: asyncio.StreamWriter) -> None:
    """End a connection with an RST, whatever lies in its buffers."""
    with suppress(OSError):
        told = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, told)
    writer.transport.abort()


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer 503, and read on: a close over bytes that nobody read would take the answer back."""
    with suppress(OSError, asyncio.TimeoutError):
        writer.write(BUSY)
        await writer.drain()
        writer.write_eof()
        while await asyncio.wait_for(reader.read(PIECE), timeout=2):
            pass


@contextmanager
def proxied(behind: int) -> Iterator[Proxy]:
    """Yield an open proxy of the server at this port."""
    proxy, loop, ready = Proxy(behind), asyncio.new_event_loop(), threading.Event()

    async def run() -> None:
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        ready.set()
        await ended.wait()
        server.close()

    async def whole() -> None:
        await run()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    ended = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(whole(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
