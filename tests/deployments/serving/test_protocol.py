"""Which requests are answered where they end, and which wait for a task; over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from deployments.serving.protocol import LARGEST_HELD, ServingProtocol
from deployments.serving.response import Header, Response

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


# Bytes: more than the kernel keeps for a reader.
MUCH = b"x" * (24 * 2**20)


class Quick(ServingProtocol):
    """Has little patience, and room for few."""

    seconds = reading = 0.5
    every = 0.05
    most = 3


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
        if scope["path"].startswith("/wait/much"):
            body = MUCH
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def talk(script: Callable[[Echo], Talk], protocol: type[ServingProtocol] = ServingProtocol) -> Echo:
    """Let a script talk with a server for at most 10 s; return what the application did."""

    async def run() -> Echo:
        app = Echo()
        config = uvicorn.Config(app, http=protocol, log_config=None, proxy_headers=False)
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        made = partial(protocol, config, state, {})
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


def test_a_body_that_comes_byte_by_byte_is_cut() -> None:
    def script(_app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            whole = request("/slow", b"a body that takes its time" * 40)
            sent = asyncio.get_running_loop().create_task(dawdle(writer, whole))
            with suppress(ConnectionError):
                assert await reader.read() == b""
            assert not sent.done()
            sent.cancel()

        return says

    assert talk(script, Quick).ways == []


async def dawdle(writer: asyncio.StreamWriter, data: bytes) -> None:
    for at in range(len(data)):
        writer.write(data[at : at + 1])
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("path", ["/wait/much", "/wait/much/again"])
def test_an_answer_that_nobody_reads_is_cut(path: str) -> None:
    def script(app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            app.gate.set()
            writer.write(request(path, b""))
            await until(lambda: len(app.ways) == 1)
            # further requests win it no time
            for _ in range(9 if path.endswith("again") else 0):
                writer.write(request("/x", b""))
                await asyncio.sleep(0.1)
            await until(lambda: not ServingProtocol.alive)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await reader.readexactly(len(MUCH))

        return says

    talk(script, Quick)


def test_whoever_reads_answer_after_answer_is_not_cut() -> None:
    def script(app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            app.gate.set()
            for _ in range(4):
                writer.write(request("/wait/much", b""))
                # most of the time something is left to write, of each answer for a while only
                await asyncio.sleep(0.3)
                assert (await answer(reader))[1] == MUCH

        return says

    assert len(talk(script, Quick).ways) == 4


def test_a_new_connection_takes_the_place_of_the_one_that_rests_longest() -> None:
    def script(app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            port = writer.get_extra_info("peername")[1]
            others = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            # in another order than they came: the first rests last
            for number in (1, 0):
                others[number][1].write(request(f"/{number}", b""))
                await answer(others[number][0])
                await asyncio.sleep(0.02)
            writer.write(request("/wait", b""))
            await until(lambda: app.ways[-1][1] == "/wait")
            more = await asyncio.open_connection("127.0.0.1", port)
            more[1].write(request("/more", b"one more"))
            assert (await answer(more[0]))[1] == b"one more"
            with suppress(ConnectionError):
                assert await others[1][0].read() == b""
            others[0][1].write(request("/still", b"still"))
            assert (await answer(others[0][0]))[1] == b"still"
            app.gate.set()
            await answer(reader)
            for _, end in (*others, more):
                end.close()

        return says

    talk(script, Quick)


def test_where_none_rests_a_new_connection_is_refused() -> None:
    def script(app: Echo) -> Talk:
        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            port = writer.get_extra_info("peername")[1]
            held = [(reader, writer)]
            held += [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            for number, (_, end) in enumerate(held):
                end.write(request(f"/wait/{number}", b"a body"))
            await until(lambda: len(app.ways) == 3)
            refused, end = await asyncio.open_connection("127.0.0.1", port)
            head, body = await answer(refused)
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 1\r\n" in head
            assert b"connections" in json.loads(body)["error"].encode()
            assert await refused.read() == b""
            end.close()
            app.gate.set()
            for taken, end in held:
                assert (await answer(taken))[1] == b"a body"
                end.close()

        return says

    assert len(talk(script, Quick).ways) == 3


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)
