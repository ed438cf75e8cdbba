"""What a person opens, in a real browser; and what a page of another site gets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deployments.local import stack as local
from deployments.prefect_api import deployments_page
from tests.system.browser import CHROMIUM, Page, browsing
from tests.system.conftest import Stack

pytestmark = [
    pytest.mark.system,
    pytest.mark.soak,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]
# What a script of another site learns of an address: a status, or only that it was refused.
FETCH = """fetch({url!r}, {{method: {method!r}, credentials: 'include', body: {body}}})
    .then(answer => 'status ' + answer.status, () => 'refused')"""
SOCKET = """new Promise(told => {{
    const socket = new WebSocket({url!r}, ['prefect'])
    socket.onopen = () => told('open')
    socket.onerror = () => told('refused')
}})"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browsing() as opened:
        yield opened


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Yield the address of another local server, whose page a person may be led to."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<p>another site</p>")

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_printed_addresses_open_once_a_person_logged_in(stack: Stack, page: Page) -> None:
    access = local.access(stack.home)
    page.open(deployments_page(stack.settings))
    page.type("input", access.line)
    page.shows("Create a deployment to get started")
    assert page.run("location.pathname") == "/deployments"
    page.open(access.mlflow)
    page.shows("asks for a user and a password")
    page.open(access.mlflow, ("owner", access.owner))
    page.shows("Experiments")


def test_a_page_of_another_site_gets_nothing_even_of_one_who_is_logged_in(
    stack: Stack, page: Page, elsewhere: str
) -> None:
    access = local.access(stack.home)
    page.open(access.mlflow, ("owner", access.owner))
    page.shows("Experiments")
    page.open(elsewhere)
    page.shows("another site")
    for url, method, body in (
        (f"{access.mlflow}/api/2.0/mlflow/registered-models/search", "GET", "undefined"),
        (f"{access.mlflow}/api/2.0/mlflow/experiments/create", "POST", "'{}'"),
        (f"{access.prefect}/api/csrf-token?client=a", "GET", "undefined"),
        (f"{access.prefect}/api/deployments/filter", "POST", "'{}'"),
    ):
        assert page.run(FETCH.format(url=url, method=method, body=body)) == "refused", url
    socket = f"{access.prefect.replace('http', 'ws', 1)}/api/events/out"
    assert page.run(SOCKET.format(url=socket)) == "refused"
