"""Half-sent requests keep no honest one waiting; over a real socket, without any of our servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvicorn

from deployments.local.serve_prefect import FirstWord
from mlflow_server.doors import Application, Message, Receive, Send
from mlflow_server.timely import LARGEST_HEAD, TimelyProtocol

MOST = 4
WHOLE = b"POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 5\r\n\r\nhello"
SOCKET = (
    b"GET / HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
PING = bytes([0x89, 0x80, 0, 0, 0, 0])
CLOSE = bytes([0x88, 0x80, 0, 0, 0, 0])
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Talk = Callable[[Callable[[], Coroutine[Any, Any, Ends]]], Coroutine[Any, Any, None]]


class Quick(TimelyProtocol):
    """Has little patience, and room for few."""

    seconds, reading, every, most = 0.4, 0.4, 0.05, MOST


async def late(scope: Message, receive: Receive, send: Send) -> None:
    """Answer later than any sender may take, as whoever waits for news is answered."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(0.8 if scope["path"] == "/late" else 0)
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


def talk(script: Talk, application: Application = late) -> None:
    """Let a script open connections to a server for at most 20 s."""

    async def run() -> None:
        options = {"lifespan": "off", "log_config": None, "ws": "websockets-sansio"}
        config = uvicorn.Config(application, port=0, http=Quick, **options)  # type: ignore[arg-type]
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        opened: list[asyncio.StreamWriter] = []

        async def connect() -> Ends:
            ends = await asyncio.open_connection("127.0.0.1", port)
            opened.append(ends[1])
            return ends

        try:
            await asyncio.wait_for(script(connect), 20)
        finally:
            for writer in opened:
                writer.close()
            server.should_exit = True
            await serving

    asyncio.run(run())


async def end(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the other side closes."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize("half", [b"", WHOLE[:20], WHOLE[:-1]], ids=["nothing", "head", "body"])
def test_twice_as_many_half_sent_requests_as_it_takes_keep_no_other_waiting(half: bytes) -> None:
    async def script(connect: Callable[[], Coroutine[Any, Any, Ends]]) -> None:
        held = []
        for _ in range(2 * MOST):
            reader, writer = await connect()
            writer.write(half)
            await writer.drain()
            held.append(reader)
        for _ in range(MOST):
            reader, writer = await connect()
            writer.write(WHOLE)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        for reader in held:
            assert b" 200 " not in await end(reader)

    talk(script)


def test_one_that_rests_makes_room_before_a_body_that_is_under_way() -> None:
    async def script(connect: Callable[[], Coroutine[Any, Any, Ends]]) -> None:
        uploading, upload = await connect()
        upload.write(WHOLE[:-1])
        await upload.drain()
        for _ in range(MOST + 1):
            reader, writer = await connect()
            writer.write(WHOLE)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        upload.write(WHOLE[-1:])
        assert (await uploading.readline()).startswith(b"HTTP/1.1 200 ")

    talk(script)


def test_whoever_waits_for_news_is_left_alone() -> None:
    async def script(connect: Callable[[], Coroutine[Any, Any, Ends]]) -> None:
        channel, said = await connect()
        said.write(SOCKET)
        assert (await channel.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        reader, writer = await connect()
        writer.write(WHOLE.replace(b"/", b"/late", 1))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        # beyond every patience
        said.write(PING)
        assert await channel.readexactly(2) == b"\x8a\x00"

    talk(script)


def test_a_websocket_whose_other_end_says_nothing_is_closed() -> None:
    async def script(connect: Callable[[], Coroutine[Any, Any, Ends]]) -> None:
        channel, said = await connect()
        said.write(SOCKET)
        await channel.readuntil(b"\r\n\r\n")
        assert await channel.readexactly(1) == b"\x88"
        said.write(CLOSE)

    talk(script, FirstWord(late, 0.2))


def test_a_head_without_end_is_refused_before_its_time() -> None:
    async def script(connect: Callable[[], Coroutine[Any, Any, Ends]]) -> None:
        reader, writer = await connect()
        writer.write(WHOLE[:20])
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(b"\r\nx: " + b"x" * (LARGEST_HEAD + 1))
        answer = await end(reader)
        assert not answer or b" 400 " in answer

    talk(script)
