"""A Prefect server that is busy is waited for, with a bound; one that is gone is told at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deployments.prefect_api import Busy, Unreachable, do_each, open_client, patiently
from tasks.errors import OrchestrationError
from tasks.settings import Settings


@contextmanager
def server(*answers: int) -> Iterator[tuple[Settings, list[int]]]:
    """Yield a server that gives these answers, the last one again and again, and what it gave."""
    gave: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            gave.append(answers[min(len(gave), len(answers) - 1)])
            self.send_response(gave[-1])
            self.end_headers()
            self.wfile.write(b"true" if gave[-1] == 200 else b"the database is locked")

        def log_message(self, *_: object) -> None:
            """Say nothing: the test's output is its own."""

    there = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=there.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{there.server_port}/api"
    try:
        yield Settings("", "", "", "key", prefect_url=url), gave
    finally:
        there.shutdown()
        thread.join()
        there.server_close()


def ask(settings: Settings) -> str:
    with open_client(settings):
        return "done"


def test_a_busy_server_is_asked_again_until_it_answers() -> None:
    with server(503, 503, 200) as (settings, gave):
        assert patiently(lambda: ask(settings)) == "done"
        assert gave == [503, 503, 200]


def test_one_that_stays_busy_is_told_in_a_sentence_after_the_bound() -> None:
    with server(503) as (settings, gave), pytest.raises(Busy) as caught:
        patiently(lambda: ask(settings), patience=2.5)
    assert 1 < len(gave) < 5
    assert "It is busy. Try again in a minute." in str(caught.value)


def test_one_that_is_gone_is_told_at_once() -> None:
    with server(200) as (settings, _):
        pass
    began = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        patiently(lambda: ask(settings))
    assert not isinstance(caught.value, Busy)
    assert time.monotonic() - began < 30


def test_a_change_that_is_told_busy_is_sent_again_within_a_moment() -> None:
    steps: list[int] = []
    with server(200, 503, 503, 200, 503, 200) as (settings, gave), open_client(settings) as client:
        began = time.monotonic()
        came = do_each(lambda _: client.request("GET", "/hello").status_code, "ab", steps.append)
        took = time.monotonic() - began
    assert (came, steps) == ([200, 200], [1, 1])
    assert gave == [200, 503, 503, 200, 503, 200]
    assert took < 5  # by itself the client waits two seconds after each of three


def test_what_it_refuses_is_no_matter_of_waiting() -> None:
    with server(401) as (settings, gave):
        with pytest.raises(OrchestrationError, match="credentials"):
            patiently(lambda: ask(settings))
        assert gave == [401]
