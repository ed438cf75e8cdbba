"""A real web site on loopback, with the manners and the stumbles that it is told to have."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate

from tests.tasks.collection.loopback import Answering, running


@dataclass
class Site:
    """What is served, and what came.

    Attributes:
        pages: by path, their bytes.
        robots: the text of robots.txt; None: there is none.
        faults: what becomes of the next requests of a path, one each.
        happened: how often each fault was really played.
        asked: the path and the time of every request; `headers` are those of the newest.
        content_type: of every page.
        tags: whether pages have an ETag and a time.
    """

    url: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    robots: str | None = None
    faults: dict[str, list[str]] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    asked: list[tuple[str, float]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "text/html; charset=utf-8"
    tags: bool = True
    lead_to: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def came(self, path: str, headers: dict[str, str]) -> str:
        with self.lock:
            self.asked.append((path, time.monotonic()))
            self.headers = headers
            waiting = self.faults.get(path)
            fault = waiting.pop(0) if waiting else ""
            self.happened[fault] += 1
            return fault


class Handler(Answering):
    def do_GET(self) -> None:
        site: Site = self.server.told
        fault = site.came(self.path, {name.lower(): text for name, text in self.headers.items()})
        status, _, told = fault.partition(" ")
        if status == "redirect":
            self.send(302, b"", {"Location": told})
        elif status == "slow":
            self.send(200, b" " * 400, {"Content-Type": site.content_type}, every=0.05)
        elif status:
            self.send(int(status), b"no", {"Retry-After": told} if told else {})
        elif self.path == "/robots.txt":
            there = site.robots is not None
            self.send(200 if there else 404, (site.robots or "").encode())
        elif self.path.partition("?")[0] in site.pages:
            self.page(site, site.pages[self.path.partition("?")[0]])
        else:
            self.send(404, b"nothing here")

    def page(self, site: Site, body: bytes) -> None:
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if site.tags and self.headers.get("If-None-Match") == tag:
            site.happened["unchanged"] += 1
            self.send(304, b"", {"ETag": tag})
            return
        tags = {"ETag": tag, "Last-Modified": formatdate(1_700_000_000, usegmt=True)}
        self.send(200, body, {"Content-Type": site.content_type, **(tags if site.tags else {})})


@contextmanager
def serving() -> Iterator[Site]:
    """Yield a site on a free port of loopback."""
    with running(Handler) as server:
        server.told = site = Site(server.url)
        yield site
