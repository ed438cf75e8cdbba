"""The prediction API as an ASGI application.

Without a framework: what one does for a request takes longer here than to read, answer and write
it. Routes, refusals and answers are values of the neighbouring modules.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from deployments.serving.admission import Admission
from deployments.serving.describing import ANSWERS, openapi_document, ready_or_not
from deployments.serving.explaining import Explaining
from deployments.serving.hosts import ANY, Hosts
from deployments.serving.load import Load
from deployments.serving.metrics import Metrics
from deployments.serving.predicting import MOST_BYTES, READERS, Predicted, Predicting
from deployments.serving.response import CLOSE, SOON, Header, Response, error
from deployments.serving.routes import READINESS, Finder, Found

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
log = logging.getLogger("perennial.serving")
# Bytes of a body that is read in the event's loop: more would keep other requests waiting.
INLINE = 64 * 1024
NOWHERE = "there is nothing at this address; GET /openapi.json lists all"
OWN_ID = re.compile(rb"[!-~]{1,128}")


class Request(NamedTuple):
    """What the head of a request tells; `id` is the sender's own, or made here."""

    scope: Scope
    found: Found | tuple[str, ...] | None
    headers: Mapping[bytes, bytes]
    id: str
    started: float


@dataclass
class Application:
    """Answers every route of `routes.ROUTES`.

    `admission` knows who may ask, `hosts` under which names requests come, `ill` what keeps this
    process from following what is in service. `beside` runs from start to end. With `access`,
    every request is logged. `load` refuses what would be answered late.
    """

    predicting: Predicting
    metrics: Metrics
    admission: Admission = field(default_factory=lambda: Admission(lambda: None))
    explaining: Explaining | None = None
    beside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    ill: Callable[[], str] = str
    hosts: Hosts = field(default_factory=lambda: Hosts([ANY]))
    access: bool = False
    load: Load = field(default_factory=Load)

    def __post_init__(self) -> None:
        self._finder = Finder()
        self._prefix, self._requests = os.urandom(6).hex(), itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            request = self._read_head(scope)
            try:
                response = await self._answer(request, receive)
            except Exception:
                response = _failed(request)
            start = {"type": "http.response.start", "status": response.status}
            await send(start | {"headers": self._finish(request, response)})
            await send({"type": "http.response.body", "body": response.body})

    def at_once(self, scope: Scope, body: bytes) -> tuple[Response, list[Header]] | None:
        """Return the answer to a request that is whole, or None where it has to be waited for."""
        request = self._read_head(scope)
        found = request.found
        if not isinstance(found, Found) or found.route.name not in READERS:
            return None
        # with escapes, a body may ask for an explanation in another spelling
        if len(body) > INLINE or b"explain" in body or b"\\u" in body:
            return None
        try:
            self.load.begin()
            admitted = self._admit(request)
            if isinstance(admitted, str):
                response = _encoded(request.headers) or self._predicted(found, body, admitted)
            else:
                response = admitted
        except Exception:
            response = _failed(request)
        return response, self._finish(request, response)

    def _read_head(self, scope: Scope) -> Request:
        started, headers = time.perf_counter(), dict(scope["headers"])
        found = self._finder.find(scope["method"], scope["path"])
        own = headers.get(b"x-request-id")
        if own is not None and OWN_ID.fullmatch(own):
            return Request(scope, found, headers, own.decode(), started)
        made = f"{self._prefix}{next(self._requests):x}"
        return Request(scope, found, headers, made, started)

    async def _answer(self, request: Request, receive: Receive) -> Response:
        admitted = self._admit(request)
        if isinstance(admitted, Response) or not isinstance(request.found, Found):
            return admitted if isinstance(admitted, Response) else error(404, NOWHERE)
        if request.found.route.name not in READERS:
            return self._told(request.found, request.headers)
        body = await _body(request.headers, receive)
        if isinstance(body, Response):
            return body
        return await self._predict(request.found, body, admitted)

    def _told(self, found: Found, headers: Mapping[bytes, bytes]) -> Response:
        """Return what the API says of itself."""
        if found.route.name == "openapi":
            return openapi_document(self.predicting.fleet, closed=self.admission.closed)
        if found.route.name in READINESS and (why := self.ill()):
            return error(503, why, SOON)
        if found.route.name == "ready" and not self.admission.may_know(found, headers):
            return ready_or_not(self.predicting.fleet, found)
        return ANSWERS[found.route.name](self.predicting.fleet, found)

    async def _predict(self, found: Found, body: bytes, sender: str) -> Response:
        if len(body) <= INLINE:
            predicted = self.predicting.predict(found, body, sender)
        else:
            refused = self.load.refuse_large()
            if refused is not None:
                return refused
            with self.load.waiting():
                predicted = await asyncio.to_thread(self.predicting.predict, found, body, sender)
        if isinstance(predicted, Response):
            return predicted
        self._count_rows(predicted)
        if not predicted.asked.explain or self.explaining is None:
            return predicted.written()
        explained = await self.explaining.explained(predicted)
        return explained if isinstance(explained, Response) else predicted.written(explained)

    def _predicted(self, found: Found, body: bytes, sender: str) -> Response:
        predicted = self.predicting.predict(found, body, sender)
        if isinstance(predicted, Response):
            return predicted
        self._count_rows(predicted)
        return predicted.written()

    def _admit(self, request: Request) -> Response | str:
        """Return why a request gets no answer, or the name of the key that it came with."""
        found, misled = request.found, self.hosts.refusal(request.headers)
        if misled:
            return error(421, misled)
        if found is None:
            return error(404, NOWHERE)
        if not isinstance(found, Found):
            allowed = (b"allow", ", ".join(found).encode())
            return error(405, f"this address takes {', '.join(found)}", allowed)
        client = request.scope.get("client")
        return self.admission.admit(found, request.headers, client[0] if client else "")

    def _finish(self, request: Request, response: Response) -> list[Header]:
        """Count an answer, log it where that is wished for, and return its headers."""
        seconds, found = time.perf_counter() - request.started, request.found
        pipeline, route = "", "none"
        if isinstance(found, Found):
            route = found.route.name
            # what a sender makes up must not become a figure of its own
            if found.pipeline in self.predicting.fleet.followers:
                pipeline = found.pipeline
        self.metrics.answered(pipeline, route, response.status, seconds)
        if self.access:
            told = {
                "request": request.id,
                "method": request.scope["method"],
                "path": request.scope["path"],
                "status": response.status,
                "milliseconds": round(seconds * 1000, 3),
                "key": self.admission.name_of(request.headers),
            }
            log.info("answered", extra=told)
        return [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(response.body)),
            (b"x-request-id", request.id.encode()),
            *response.headers,
        ]

    def _count_rows(self, predicted: Predicted) -> None:
        for part in predicted.parts:
            manifest = part.served.manifest
            self.metrics.predicted(manifest.pipeline, manifest.version, len(part.places))

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self.beside():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as failure:
            log.exception("serving failed")
            await send({"type": "lifespan.startup.failed", "message": str(failure)})
            return
        await send({"type": "lifespan.shutdown.complete"})


def _failed(request: Request) -> Response:
    log.exception("the request failed", extra={"request": request.id})
    return error(500, f"the server failed; its log says why, under {request.id}")


def _encoded(headers: Mapping[bytes, bytes]) -> Response | None:
    # a few bytes of gzip may become gigabytes
    if headers.get(b"content-encoding", b"").lower() not in (b"", b"identity"):
        return error(415, "a body is sent as it is, without a content encoding", CLOSE)
    return None


async def _body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes | Response:
    """Return the whole body; the protocol sees to it that it comes in time."""
    too_large = error(413, f"a body has at most {MOST_BYTES} bytes", CLOSE)
    length = headers.get(b"content-length", b"")
    # 20 digits are enough; int of more than 4,300 raises
    if length.isdigit() and int(length[:20]) > MOST_BYTES:
        return too_large
    refusal = _encoded(headers)
    if refusal is not None:
        return refusal
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        return bytes(message["body"]) if len(message["body"]) <= MOST_BYTES else too_large
    body = bytearray(message.get("body", b""))
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return too_large
    if message["type"] != "http.request":
        return error(400, "the sender went away", CLOSE)
    return bytes(body)
