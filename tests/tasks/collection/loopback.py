"""A server on a free port of loopback, whose answers may trickle or break off."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Answering(BaseHTTPRequestHandler):
    """What every request is answered with; `told` is what the test tells the server to do."""

    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *_: Any) -> None:
        """Say nothing: the test's output is its own."""

    def send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        cut: int | None = None,
        every: float = 0.0,
    ) -> None:
        """Send an answer: up to its letter `cut`, or a letter `every` so many seconds."""
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            for letter in body if every else ():
                self.wfile.write(bytes([letter]))
                time.sleep(every)
            if not every:
                self.wfile.write(body[:cut])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the asker has had enough


class Server(ThreadingHTTPServer):
    daemon_threads = True
    told: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *asked: Any) -> None:
        # an asker who hangs up is what a test wanted
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*asked)


@contextmanager
def running(handler: type[Answering]) -> Iterator[Server]:
    """Yield a server whose requests this answers."""
    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
