"""A way to the server that breaks for good after some writing requests have passed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import urlsplit


class Way(ThreadingHTTPServer):
    """Hands requests to `target`; the last allowed write arrives, but its answer is lost."""

    daemon_threads = True

    def __init__(self, target: str, writes: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target, self.left, self.lock = urlsplit(target), writes, Lock()
        self.uri = f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def broken(self) -> bool:
        return self.left <= 0

    def counts(self, handler: BaseHTTPRequestHandler, _status: int) -> bool:
        """Count a request by what came of it; say whether its answer may go back."""
        writes = handler.command != "GET" and "/search" not in handler.path
        with self.lock:
            self.left -= writes
            return not self.broken


class Handler(BaseHTTPRequestHandler):
    server: Way

    def forward(self) -> None:
        self.close_connection = True
        if self.server.broken:
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # The answer goes back without its own headers, so it must not come packed.
        left = ("host", "accept-encoding")
        kept = {name: text for name, text in self.headers.items() if name.lower() not in left}
        way = HTTPConnection(self.server.target.hostname or "", self.server.target.port)
        way.request(self.command, self.path, body, kept)
        answer = way.getresponse()
        content = answer.read()
        way.close()
        if not self.server.counts(self, answer.status):
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type") or "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def way_that_breaks(target: str, writes: int) -> Iterator[Way]:
    """Yield a way to `target` that breaks after `writes` writing requests."""
    way = Way(target, writes)
    with taking_requests(way):
        yield way


@contextmanager
def taking_requests(way: Way) -> Iterator[None]:
    """Let a way take requests."""
    Thread(target=way.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield
    finally:
        way.shutdown()
        way.server_close()
