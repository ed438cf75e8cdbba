"""A real Chromium, told what to do by its own protocol; what a person sees is what counts.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


class Page:
    """One page: open addresses, run scripts, wait for what it shows."""

    def __init__(self, channel: ClientConnection) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)
        self._login: tuple[str, str] | None = None
        self.call("Page.enable")
        # Chromium would ask in a window of its own, which a page without a screen has not.
        self.call("Fetch.enable", handleAuthRequests=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the browser, and return its answer; meanwhile its questions are answered."""
        number = self._send(method, parameters)
        while True:
            came = json.loads(self._channel.recv(60))
            if came.get("id") == number:
                assert "error" not in came, came
                return dict(came["result"])
            self._answer(came.get("method", ""), came.get("params", {}))

    def open(self, url: str, login: tuple[str, str] | None = None) -> None:
        """Open an address as a person does who types `login` where she is asked for it."""
        self._login = login
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """Return what a script of the page comes to, a promise included."""
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True}
        return self.call("Runtime.evaluate", **asked)["result"].get("value")

    def shows(self, text: str, seconds: float = 30) -> None:
        """Wait until the page shows a text."""
        until = time.monotonic() + seconds
        while text not in (seen := self.run("document.body ? document.body.innerText : ''") or ""):
            assert time.monotonic() < until, f"{text!r} is not on the page:\n{seen}"
            time.sleep(0.2)

    def type(self, selector: str, text: str) -> None:
        """Type a text into a field, and press Enter."""
        until = time.monotonic() + 30
        while not self.run(f"document.querySelector({selector!r}) && true"):
            assert time.monotonic() < until, f"no {selector}"
            time.sleep(0.2)
        self.run(f"document.querySelector({selector!r}).focus()")
        self.call("Input.insertText", text=text)
        enter = {"key": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, **enter)

    def _send(self, method: str, parameters: dict[str, Any]) -> int:
        number = next(self._numbers)
        self._channel.send(json.dumps({"id": number, "method": method, "params": parameters}))
        return number

    def _answer(self, method: str, told: dict[str, Any]) -> None:
        if method == "Fetch.requestPaused":
            self._send("Fetch.continueRequest", {"requestId": told["requestId"]})
        if method == "Fetch.authRequired":
            answer: dict[str, str] = {"response": "CancelAuth"}
            if self._login is not None:
                name, password = self._login
                answer = {"response": "ProvideCredentials", "username": name, "password": password}
            parameters = {"requestId": told["requestId"], "authChallengeResponse": answer}
            self._send("Fetch.continueWithAuth", parameters)


@contextmanager
def browsing(*more: str) -> Iterator[Page]:
    """Yield an empty page of a browser of its own, started with `more` switches."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(prefix="pb-", ignore_cleanup_errors=True) as profile:
        size = "--window-size=1600,1200"
        switches = (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            size,
            *more,
        )
        folder = f"--user-data-dir={profile}"
        command = (CHROMIUM, *switches, folder, "--remote-debugging-port=0", "about:blank")
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                with connect(_page_of(Path(profile)), max_size=None, proxy=None) as channel:
                    yield Page(channel)
            finally:
                process.kill()


def _page_of(profile: Path) -> str:
    import httpx

    told, until = profile / "DevToolsActivePort", time.monotonic() + 60
    while not (told.exists() and "\n" in told.read_text()):
        assert time.monotonic() < until, "no browser"
        time.sleep(0.1)
    port = told.read_text().splitlines()[0]
    found = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
    return next(str(page["webSocketDebuggerUrl"]) for page in found if page["type"] == "page")
