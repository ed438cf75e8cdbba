"""Who has no business at a port of this machine, and what each is answered there."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TypeVar

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

Found = TypeVar("Found")
HOST = "127.0.0.1"
NOBODY = 65534
EMPTY = bytes(5)  # a message of gRPC: not compressed, of no bytes
SECONDS = 10.0
SILENT = 0  # in the place of a status: nothing came
UNKNOWN = 401


def ask(
    port: int,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> int:
    """Return the status of the answer to a request, or `SILENT`; `headers` may hold a Host."""
    sent = {"Host": f"{HOST}:{port}", "Content-Length": str(len(body)), **(headers or {})}
    connection = HTTPConnection(HOST, port, timeout=SECONDS)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return SILENT
    finally:
        connection.close()


def ask_socket(
    port: int, path: str, name: str = HOST, origin: str | None = None, key: str | None = None
) -> int:
    """Return 101 where a WebSocket of Prefect's kind lets in who shows `key`, else why not."""
    said = json.dumps({"type": "auth", "token": key})
    try:
        with (
            socket.create_connection((HOST, port), SECONDS) as stream,
            connect(
                f"ws://{name}:{port}{path}",
                sock=stream,
                origin=None if origin is None else Origin(origin),
                subprotocols=[Subprotocol("prefect")],
                open_timeout=SECONDS,
            ) as opened,
        ):
            opened.send(said)
            answer = json.loads(opened.recv(SECONDS))
            return 101 if answer["type"] == "auth_success" else UNKNOWN
    except InvalidStatus as refused:
        return refused.response.status_code
    except ConnectionClosed:
        return UNKNOWN
    except (OSError, InvalidHandshake):
        return SILENT


def ask_grpc(port: int, method: str, context: ssl.SSLContext | None) -> int:
    """Return the HTTP status of the answer to a call, without TLS where there is no `context`."""
    scheme = "http" if context is None else "https"
    headers = {"Content-Type": "application/grpc", "TE": "trailers"}
    with (
        suppress(httpx.HTTPError),
        httpx.Client(http1=False, http2=True, verify=context or False, timeout=SECONDS) as client,
    ):
        url = f"{scheme}://{HOST}:{port}{method}"
        return client.post(url, content=EMPTY, headers=headers).status_code
    return SILENT


def showing(certificate: Path | None) -> ssl.SSLContext:
    """Return what a client needs that shows this certificate, or none, and takes any."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


def as_nobody(act: Callable[[], Found]) -> Found:
    """Return what `act` returns in a process of another user; it must be able to be JSON.

    Only root can do this.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        with suppress(BaseException):
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            os.write(writer, json.dumps(act()).encode())
            status = 0
        os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as answers:
        told = answers.read()
    assert os.waitpid(child, 0)[1] == 0, "the other user's process failed"
    found: Found = json.loads(told)
    return found


def opens(path: str) -> bool:
    """Return whether this user can connect to a socket of the file system."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(SECONDS)
        return stream.connect_ex(path) == 0
