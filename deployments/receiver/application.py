"""The receiver's two addresses: `POST /events` takes notifications, `GET /healthz` answers."""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.receiver.forwarder import Forwarder
from tasks.events.notification import Confirmation, Refusal, read

LARGEST = 1024 * 1024  # bytes
BODY_SECONDS = 10.0
# What is left of a refused body is not read: the connection cannot be used again.
CLOSE = {"Connection": "close"}
CHALLENGE = {"WWW-Authenticate": 'Bearer, Basic realm="perennial"', **CLOSE}
log = logging.getLogger("perennial.receiver")


def application(
    token: str, bucket: str, forwarder: Forwarder, body_seconds: float = BODY_SECONDS
) -> Starlette:
    """Return the ASGI application; it runs the forwarder while it runs itself.

    A notification is answered 202 as soon as it is read, whether or not Prefect is there.
    """

    async def events(request: Request) -> Response:
        if not is_authorized(request.headers.get("authorization", ""), token):
            raise HTTPException(401, "the receiver's token is needed", CHALLENGE)
        found = read(await _body(request, body_seconds), bucket)
        if isinstance(found, Refusal):
            log.warning("Refused a notification: %s.", found.reason)
            raise HTTPException(400, found.reason)
        # Never opened by itself: whoever can send a notification could name any address.
        if isinstance(found, Confirmation):
            log.warning("To confirm the topic %r, open %r.", found.topic, found.url)
            return JSONResponse({"objects": 0}, 202)
        if found:
            forwarder.take(found)
        return JSONResponse({"objects": len(found)}, 202)

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        forwarder.start()
        yield
        await forwarder.stop()

    return Starlette(
        routes=[
            Route("/events", events, methods=["POST"]),
            Route("/healthz", health, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _told, Exception: _unexpected},
        lifespan=lifespan,
    )


def is_authorized(header: str, token: str) -> bool:
    """Return whether an Authorization header holds the token, in a time that tells nothing of it.

    >>> is_authorized("Bearer secret", "secret"), is_authorized("Bearer other", "secret")
    (True, False)
    >>> is_authorized("Basic " + base64.b64encode(b"sns:secret").decode(), "secret")
    True
    """
    scheme, _, given = header.partition(" ")
    # SNS and EventBridge cannot send a bearer token: theirs is the password of Basic.
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given).decode("utf-8").partition(":")[2]
        except ValueError:
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())


async def _body(request: Request, seconds: float) -> bytes:
    # A length that is told is refused before a byte is read; one that lies is counted below.
    declared = request.headers.get("content-length", "0")
    # Python refuses to read a number of more than 4,300 digits: twenty are enough.
    if declared.isdigit() and int(declared[:20]) > LARGEST:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST:
                    raise _too_large()
    except TimeoutError as error:
        rule = f"the body was not whole after {seconds:.0f} s"
        raise HTTPException(408, rule, CLOSE) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the sender went away", CLOSE) from error
    return bytes(body)


def _too_large() -> HTTPException:
    return HTTPException(413, f"a notification has at most {LARGEST} bytes", CLOSE)


async def _told(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _unexpected(_request: Request, _error: Exception) -> Response:
    rule = "the receiver failed; its log says why. The reconciler will find the object."
    return JSONResponse({"error": rule}, 500)
