"""A proxy on loopback before a real server: for some seconds it says that it cannot answer now."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOPS = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length"))


@dataclass
class BusyServer:
    """Where the proxy is; `refused` are the requests that were told 503."""

    port: int
    until: float = 0.0
    refused: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def be_busy(self, seconds: float) -> None:
        """Answer nothing but 503 for so long, from now on."""
        self.until = time.monotonic() + seconds


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def answer(self) -> None:
        told, port = self.server.told, self.server.behind
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if time.monotonic() < told.until:
            told.refused.append(f"{self.command} {self.path}")
            self._say(503, [], b"<Error><Code>SlowDown</Code></Error>")
            return
        server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            own = self.server.keep_host or name.lower() != "host"
            server.putheader(name, value if own else f"127.0.0.1:{port}")
        server.endheaders(body)
        came = server.getresponse()
        headers = [pair for pair in came.getheaders() if pair[0].lower() not in HOPS]
        length = came.headers.get("content-length") if self.command == "HEAD" else None
        self._say(came.status, headers, came.read(), length)
        server.close()

    def _say(
        self, status: int, headers: list[tuple[str, str]], body: bytes, length: str | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the test's output is its own."""

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = answer


class Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behind: int, keep_host: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind, self.keep_host = behind, keep_host
        self.told = BusyServer(self.server_port)


@contextmanager
def busy(port: int, *, keep_host: bool = True) -> Iterator[BusyServer]:
    """Yield a proxy of the server at this port, which is not busy yet.

    The host that was asked for is part of what S3 signs, and none that MLflow lets in.
    """
    proxy = Proxy(port, keep_host)
    thread = threading.Thread(target=proxy.serve_forever)
    thread.start()
    try:
        yield proxy.told
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
