"""Which names a server answers to, and whose pages may ask it. For any ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

MISDIRECTED, FORBIDDEN = 421, 403
SAID = {
    MISDIRECTED: "this server is not known by that name: open it by the address that was printed",
    FORBIDDEN: "a page of another site may not ask this server",
}


class KnownNames:
    """Answers 421 to another `Host` and 403 to another `Origin`, before the application is asked.

    A page of another site can make a browser send requests here, or, by DNS rebinding, under a name
    of its own: https://owasp.org/www-community/attacks/DNS_Rebinding. Websockets know no CORS; only
    the server can look at their origin. `origins` are those of the server's own pages.
    """

    def __init__(self, application: Application, origins: Iterable[str]) -> None:
        self._application = application
        self._origins = frozenset(origin.strip().lower() for origin in origins)
        self._hosts = frozenset(urlsplit(origin).netloc for origin in self._origins)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and (
            status := refusal(scope["headers"], self._hosts, self._origins)
        ):
            await refuse(scope, send, status, SAID[status])
            return
        await self._application(scope, receive, send)


def refusal(headers: Headers, hosts: frozenset[str], origins: frozenset[str]) -> int:
    """Return the status that a request is refused with, 0 where it may pass.

    >>> ours = frozenset({"127.0.0.1:4200"}), frozenset({"http://127.0.0.1:4200"})
    >>> refusal([(b"host", b"127.0.0.1:4200")], *ours)
    0
    >>> refusal([(b"host", b"evil.example:4200")], *ours)
    421
    >>> refusal([(b"host", b"127.0.0.1:4200"), (b"origin", b"http://127.0.0.1:8000")], *ours)
    403
    """
    # Lists: of two headers of one name, another program may read the other one.
    named, asking = _all(headers, b"host"), _all(headers, b"origin")
    if len(named) != 1 or named[0] not in hosts:
        return MISDIRECTED
    return 0 if set(asking) <= origins else FORBIDDEN


async def refuse(scope: Message, send: Send, status: int, text: str, more: Headers = ()) -> None:
    """Answer a request with an error; a websocket is closed before it opens, which is a 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})


def _all(headers: Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip().lower() for key, value in headers if key == name]
