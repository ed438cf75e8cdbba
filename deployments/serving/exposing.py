"""The address at which Prometheus reads: a few requests at a time, each with an end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from deployments.serving.hosts import Hosts
from tasks.errors import ConfigurationError

# Seconds that one connection may take over its request, and over reading the answer.
SECONDS = 10.0
# Connections at once: a scraper has one.
MOST = 8
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Exposing(ThreadingMixIn, WSGIServer):
    """Answers with a WSGI application what comes under a known name; a thread a connection.

    Raises:
        ConfigurationError: it cannot listen there.
    """

    daemon_threads = True

    def __init__(
        self,
        host: str,
        port: int,
        application: Application,
        hosts: Hosts,
        seconds: float = SECONDS,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            rule, remedy = "the figures can be told there", "See --metrics-host and --metrics-port."
            raise ConfigurationError(f"{host}:{port}", rule, error, remedy) from error
        self._application, self._hosts, self._seconds = application, hosts, seconds
        self._free = threading.BoundedSemaphore(MOST)
        self.set_app(self._answer)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, sender = super().get_request()
        connection.settimeout(self._seconds)
        return connection, sender

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a scraper that went away."""

    def _answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST")
        refusal = self._hosts.refusal({} if host is None else {b"host": host.encode("latin-1")})
        if refusal:
            start("421 Misdirected Request", [("content-type", "text/plain")])
            return [refusal.encode()]
        return self._application(environ, start)


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""
