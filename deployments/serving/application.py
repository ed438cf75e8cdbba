"""The prediction API as an ASGI application.

Without a framework: what one does for a request takes longer here than to read, answer and write
it. Routes, refusals and answers are values of the neighbouring modules.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from deployments.serving.describing import ANSWERS, openapi_document
from deployments.serving.explaining import Explaining
from deployments.serving.metrics import Metrics
from deployments.serving.predicting import MOST_BYTES, READERS, Predicted, Predicting
from deployments.serving.response import CLOSE, Header, Response, error
from deployments.serving.routes import Finder, Found
from tasks.serving import keys
from tasks.serving.keys import Key, TokenBucket

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
log = logging.getLogger("perennial.serving")
# Bytes of a body that is read in the event's loop: more would keep other requests waiting.
INLINE = 64 * 1024
OWN_ID = re.compile(rb"[!-~]{1,128}")


@dataclass
class Application:
    """Answers every route of `routes.ROUTES`.

    `known` returns the API keys by digest, or None to let everybody in. `beside` runs from start
    to end. A key's rate is shared out evenly among the `workers`. With `access`, every request is
    logged.
    """

    predicting: Predicting
    metrics: Metrics
    known: Callable[[], Mapping[str, Key] | None] = lambda: None
    explaining: Explaining | None = None
    workers: int = 1
    beside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    access: bool = False

    def __post_init__(self) -> None:
        self._finder = Finder()
        self._buckets: dict[str, TokenBucket] = {}
        self._prefix, self._requests = os.urandom(6).hex(), itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            started, own = time.perf_counter(), self._id(scope)
            found = self._finder.find(scope["method"], scope["path"])
            try:
                response = await self._answer(found, scope, receive)
            except Exception:
                response = _failed(own)
            self._finish(found, scope, own, response, started)
            await _send(response, own, send)

    def at_once(self, scope: Scope, body: bytes) -> tuple[Response, list[Header]] | None:
        """Return the answer to a request that is whole, or None where it has to be waited for.

        Explanations are waited for, and so are large bodies. A body with escapes may ask for an
        explanation in another spelling.
        """
        started = time.perf_counter()
        found = self._finder.find(scope["method"], scope["path"])
        if not isinstance(found, Found) or found.route.name not in READERS:
            return None
        if len(body) > INLINE or b"explain" in body or b"\\u" in body:
            return None
        own = self._id(scope)
        try:
            refusal = self._refusal(found, scope) or _encoded(scope)
            response = refusal or self._predicted(found, body)
        except Exception:
            response = _failed(own)
        self._finish(found, scope, own, response, started)
        return response, _headers(response, own)

    async def _answer(
        self, found: Found | tuple[str, ...] | None, scope: Scope, receive: Receive
    ) -> Response:
        if found is None:
            return error(404, "there is nothing at this address; GET /openapi.json lists all")
        if not isinstance(found, Found):
            allowed = (b"allow", ", ".join(found).encode())
            return error(405, f"this address takes {', '.join(found)}", allowed)
        refusal = self._refusal(found, scope)
        if refusal is not None:
            return refusal
        if found.route.name == "openapi":
            return openapi_document(self.predicting.fleet, closed=self.known() is not None)
        if found.route.name not in READERS:
            return ANSWERS[found.route.name](self.predicting.fleet, found)
        body = await _body(scope, receive)
        return body if isinstance(body, Response) else await self._predict(found, body)

    async def _predict(self, found: Found, body: bytes) -> Response:
        if len(body) <= INLINE:
            predicted = self.predicting.predict(found, body)
        else:
            loop = asyncio.get_running_loop()
            predicted = await loop.run_in_executor(None, self.predicting.predict, found, body)
        if isinstance(predicted, Response):
            return predicted
        self._count_rows(predicted)
        if not predicted.asked.explain or self.explaining is None:
            return predicted.written()
        explained = await self.explaining.explained(predicted)
        return explained if isinstance(explained, Response) else predicted.written(explained)

    def _predicted(self, found: Found, body: bytes) -> Response:
        predicted = self.predicting.predict(found, body)
        if isinstance(predicted, Response):
            return predicted
        self._count_rows(predicted)
        return predicted.written()

    def _refusal(self, found: Found, scope: Scope) -> Response | None:
        """Return why the sender may not ask, or None."""
        known = self.known()
        if known is None or found.route.access == "open":
            return None
        secret = _secret(scope)
        key = keys.find_key(known, secret) if secret else None
        if key is None:
            challenge = (b"www-authenticate", b"Bearer")
            return error(401, "an API key is needed: `Authorization: Bearer KEY`", challenge)
        if not key.may(found.pipeline):
            return error(403, f"this key does not open {found.pipeline}")
        wait = self._wait(key)
        if not wait:
            return None
        after = (b"retry-after", str(math.ceil(wait)).encode())
        return error(429, f"this key has {key.rate:g} requests a second", after)

    def _wait(self, key: Key) -> float:
        if not key.rate:
            return 0.0
        now, rate = time.monotonic(), key.rate / self.workers
        bucket = self._buckets.get(key.digest)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[key.digest] = TokenBucket(rate, now)
        return bucket.wait(now)

    def _id(self, scope: Scope) -> str:
        """Return the sender's own id of the request, or make one."""
        for name, value in scope["headers"]:
            if name == b"x-request-id" and OWN_ID.fullmatch(value):
                return str(value.decode())
        return f"{self._prefix}{next(self._requests):x}"

    def _finish(
        self,
        found: Found | tuple[str, ...] | None,
        scope: Scope,
        own: str,
        response: Response,
        started: float,
    ) -> None:
        """Count an answer, and log it where that is wished for."""
        seconds, pipeline, route = time.perf_counter() - started, "", "none"
        if isinstance(found, Found):
            route = found.route.name
            # what a sender makes up must not become a figure of its own
            if found.pipeline in self.predicting.fleet.followers:
                pipeline = found.pipeline
        self.metrics.answered(pipeline, route, response.status, seconds)
        if self.access:
            said = {
                "request": own,
                "method": scope["method"],
                "path": scope["path"],
                "status": response.status,
                "milliseconds": round(seconds * 1000, 3),
            }
            log.info("answered", extra=said)

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


def _secret(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].strip().decode("latin-1"))
        if name == b"x-api-key":
            return str(value.strip().decode("latin-1"))
    return ""


def _failed(own: str) -> Response:
    log.exception("the request failed", extra={"request": own})
    return error(500, f"the server failed; its log says why, under {own}")


def _encoded(scope: Scope) -> Response | None:
    for name, value in scope["headers"]:
        if name == b"content-encoding" and value.lower() not in (b"", b"identity"):
            return error(415, "a body is sent as it is, without a content encoding", CLOSE)
    return None


async def _body(scope: Scope, receive: Receive) -> bytes | Response:
    """Return the whole body; the protocol sees to it that it comes in time."""
    too_large = error(413, f"a body has at most {MOST_BYTES} bytes", CLOSE)
    for name, value in scope["headers"]:
        # 20 digits are enough; int of more than 4,300 raises
        if name == b"content-length" and value.isdigit() and int(value[:20]) > MOST_BYTES:
            return too_large
    refusal = _encoded(scope)
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


def _headers(response: Response, own: str) -> list[Header]:
    return [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(response.body)),
        (b"x-request-id", own.encode()),
        *response.headers,
    ]


async def _send(response: Response, own: str, send: Send) -> None:
    start = {"type": "http.response.start", "status": response.status}
    await send(start | {"headers": _headers(response, own)})
    await send({"type": "http.response.body", "body": response.body})
