"""DNS rebinding without a DNS server: a name of somebody else's that leads to a port of ours.

The browser finds this relay under the name. It gives a page, and passes on everything else as it
came, the name in `Host` included: for the browser, page and port are one site.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "evil.example"
SWITCH = f"--host-resolver-rules=MAP {NAME} 127.0.0.1"
PAGE = "/attack"
SHOWN = b"<!doctype html><p>another site</p>"
OWN = ("connection", "transfer-encoding", "content-length", "keep-alive", "date", "server")


@contextmanager
def rebound(onto: int) -> Iterator[str]:
    """Yield the address of a site whose page is somebody else's and whose rest is a port here."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == PAGE:
                self._give(200, {"Content-Type": "text/html"}, SHOWN)
            else:
                self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection = HTTPConnection("127.0.0.1", onto, timeout=10)
            more = {"skip_host": True, "skip_accept_encoding": True}
            try:
                connection.putrequest(self.command, self.path, **more)
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                answer = connection.getresponse()
                told = {n: v for n, v in answer.getheaders() if n.lower() not in OWN}
                self._give(answer.status, told, answer.read())
            except (OSError, HTTPException):
                self._give(502, {}, b"")
            finally:
                connection.close()

        def _give(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{NAME}:{server.server_port}"
        server.shutdown()
