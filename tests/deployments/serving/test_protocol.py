"""Which requests are answered where they end, and which wait for a task; over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from deployments.serving.protocol import LARGEST_HELD, ServingProtocol
from deployments.serving.response import Header, Response

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class Echo:
    """Says what it was sent; an address that begins with /wait needs a task and `gate`."""

    def __init__(self) -> None:
        self.ways: list[tuple[str, str]] = []
        self.gate = asyncio.Event()

    def at_once(self, scope: Any, body: bytes) -> tuple[Response, list[Header]] | None:
        if scope["path"].startswith("/wait"):
            return None
        self.ways.append(("at once", scope["path"]))
        return Response(200, body), [(b"content-length", b"%d" % len(body))]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.ways.append(("task", scope["path"]))
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["path"].startswith("/wait"):
            await self.gate.wait()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def talk(script: Callable[[Echo], Talk]) -> Echo:
    """Let a script talk with a server for at most 10 s; return what the application did."""

    async def run() -> Echo:
        app = Echo()
        config = uvicorn.Config(app, http=ServingProtocol, log_config=None, proxy_headers=False)
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        made = partial(ServingProtocol, config, state, {})
        server = await loop.create_server(made, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.wait_for(script(app)(reader, writer), 10)
            writer.close()
            while ServingProtocol.alive:
                await asyncio.sleep(0.01)
        return app

    return asyncio.run(run())


def request(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: t", *headers, f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the head and the body of the next response."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


def test_a_request_that_is_whole_is_answered_without_a_task() -> None:
    def script(_app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for number in range(3):
                writer.write(request(f"/{number}", b"a body"))
                head, body = await answer(reader)
                assert head.startswith(b"HTTP/1.1 200 ")
                assert body == b"a body"

        return says

    assert talk(script).ways == [("at once", f"/{number}") for number in range(3)]


def test_a_request_in_pieces_is_held_until_it_is_whole() -> None:
    def script(app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            whole = request("/pieces", b"a body")
            for at in range(0, len(whole), 7):
                assert not app.ways
                writer.write(whole[at : at + 7])
                await writer.drain()
                await asyncio.sleep(0.01)
            assert (await answer(reader))[1] == b"a body"

        return says

    assert talk(script).ways == [("at once", "/pieces")]


def test_what_cannot_be_answered_at_once_gets_a_task_and_the_whole_body() -> None:
    def script(app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            app.gate.set()
            writer.write(request("/wait", b"a body"))
            assert (await answer(reader))[1] == b"a body"

        return says

    assert talk(script).ways == [("task", "/wait")]


def test_requests_of_one_piece_are_answered_in_order_and_only_the_first_at_once() -> None:
    def script(_app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"".join(request(f"/{one}", b"%d" % one) for one in range(5)))
            for one in range(5):
                assert (await answer(reader))[1] == b"%d" % one

        return says

    ways = talk(script).ways
    assert ways == [("at once", "/0"), *(("task", f"/{one}") for one in range(1, 5))]


def test_requests_that_came_behind_a_waiting_one_are_answered_after_it() -> None:
    def script(app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(request("/wait", b"first"))
            await asyncio.sleep(0.05)
            writer.write(request("/second", b"second"))
            await asyncio.sleep(0.05)
            app.gate.set()
            assert (await answer(reader))[1] == b"first"
            assert (await answer(reader))[1] == b"second"
            writer.write(request("/third", b"third"))
            assert (await answer(reader))[1] == b"third"

        return says

    assert talk(script).ways == [("task", "/wait"), ("task", "/second"), ("at once", "/third")]


def test_a_large_body_is_not_held() -> None:
    large = b"x" * (LARGEST_HELD + 2)

    def script(app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            whole = request("/large", large)
            writer.write(whole[:-1])
            while not app.ways:
                await asyncio.sleep(0.01)
            writer.write(whole[-1:])
            assert (await answer(reader))[1] == large

        return says

    assert talk(script).ways == [("task", "/large")]


def test_a_sender_that_asks_whether_to_go_on_is_told() -> None:
    def script(_app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            whole = request("/continue", b"a body", "expect: 100-continue")
            writer.write(whole.removesuffix(b"a body"))
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"a body")
            assert (await answer(reader))[1] == b"a body"

        return says

    assert talk(script).ways == [("task", "/continue")]


def test_a_connection_that_is_to_end_says_so_and_ends() -> None:
    def script(_app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(request("/last", b"a body", "connection: close"))
            head, body = await answer(reader)
            assert b"\r\nconnection: close\r\n" in head
            assert body == b"a body"
            assert await reader.read() == b""

        return says

    assert talk(script).ways == [("at once", "/last")]


def test_a_server_that_stops_answers_once_more() -> None:
    def script(_app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(request("/before", b"one"))
            assert b"connection: close" not in (await answer(reader))[0]
            (served,) = ServingProtocol.alive
            served.shutdown()
            writer.write(request("/after", b"two"))
            head, body = await answer(reader)
            assert b"\r\nconnection: close\r\n" in head
            assert body == b"two"
            assert await reader.read() == b""

        return says

    assert talk(script).ways == [("at once", "/before"), ("at once", "/after")]
