"""A real API on loopback that pages rows in several ways, and stumbles as it is told."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.tasks.collection.loopback import Answering, running

Row = dict[str, Any]
SIZE = 10


@dataclass
class Api:
    """What is served, what goes wrong, and what came.

    Attributes:
        rows: all of them, in order.
        faults: what becomes of the next requests, one each; `ok` is none.
        happened: how often each fault was really played.
        asked: the path and query of every request; `headers` are those of the newest.
    """

    url: str = ""
    rows: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    asked: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    lead_to: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, number: int) -> list[Row]:
        return self.rows[(number - 1) * SIZE : number * SIZE]

    def next_fault(self, path: str, headers: dict[str, str]) -> str:
        with self.lock:
            self.asked.append(path)
            self.headers = headers
            fault = self.faults.pop(0) if self.faults else "ok"
            self.happened[fault] += 1
            return fault


class Handler(Answering):
    def do_GET(self) -> None:
        api: Api = self.server.told
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        fault = api.next_fault(self.path, {k.lower(): v for k, v in self.headers.items()})
        document, headers = answer(api, parts.path, query)
        body = json.dumps(document).encode()
        if fault.startswith(("503", "429")):
            status, _, after = fault.partition(" ")
            self.send(int(status), b"later", {"Retry-After": after} if after else {})
        elif fault.isdigit():
            self.send(int(fault), b"no")
        elif fault == "html":
            self.send(200, b"<html>We are being mended.</html>", {"Content-Type": "text/html"})
        elif fault == "redirect":
            self.send(302, b"", {"Location": api.lead_to})
        elif fault == "repeat":
            number = max(int(query.get("page", 1)) - 1, 1)
            self.send(200, json.dumps({"data": {"items": api.page(number)}}).encode())
        elif fault == "reset":
            self.send(200, body, headers, cut=len(body) // 2)
            # A reset, not an end: what was sent may be lost on its way.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
        elif fault == "slow":
            self.send(200, body, headers, every=0.05)
        elif fault.startswith("header "):
            name, _, text = fault.removeprefix("header ").partition(": ")
            self.send(200, body, {**headers, name: text})
        elif fault == "endless":
            self.send(200, b'{"data": {"items": [{"id": 1, "size": 1e999}]}}')
        else:
            self.send(200, body, headers)


def answer(api: Api, path: str, query: dict[str, str]) -> tuple[Any, dict[str, str]]:
    """Return the document and the headers of a path."""
    if path == "/pages":
        return {"data": {"items": api.page(int(query.get("page", 1)))}}, {}
    if path == "/offsets":
        start = int(query.get("offset", 0))
        return api.rows[start : start + SIZE], {}
    if path == "/tokens":
        start = int(query.get("after", "t0")[1:])
        more = start + SIZE < len(api.rows)
        following = {"next": f"t{start + SIZE}"} if more else {"next": None}
        return {"items": api.rows[start : start + SIZE], "paging": following}, {}
    if path == "/feed":
        start = int(query.get("cursor", 0))
        rows = api.rows[start : start + SIZE]
        return {"items": rows, "next": start + len(rows)}, {}
    if path == "/round":
        return {"items": api.rows[:1], "next": "once more"}, {}
    if path == "/links":
        number = int(query.get("page", 1))
        more = number * SIZE < len(api.rows)
        link = f'</links?page={number + 1}&per=10>; rel="next", </links>; rel="first"'
        return api.page(number), {"Link": link} if more else {}
    if path == "/since":
        # At the time or behind it, as most say "since".
        rows = [row for row in api.rows if row["at"] >= query.get("from", "")]
        number = int(query.get("page", 1))
        return rows[(number - 1) * SIZE : number * SIZE], {}
    return api.rows, {}


@contextmanager
def serving() -> Iterator[Api]:
    """Yield an API on a free port of loopback."""
    with running(Handler) as server:
        server.told = api = Api(server.url)
        yield api


def toy_rows(count: int, start: int = 0) -> list[Row]:
    """Return rows of the toy pipeline, two an hour."""
    begin = datetime(2024, 1, 1)
    return [
        {
            "id": number,
            "at": (begin + timedelta(hours=number // 2)).isoformat(),
            "size": None if number % 19 == 5 else round(number * 37 % 101 / 25 - 2, 4),
            "colour": ("red", "green", "blue")[number % 3],
            "high": int(number * 37 % 101 > 55),
        }
        for number in range(start, start + count)
    ]
