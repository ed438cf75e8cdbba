"""A page of another site, in a real browser, reads, opens and changes nothing at any port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployments.local.ports import Ports
from deployments.prefect_api import open_client
from tasks.store.s3 import S3Bucket
from tests.system.browser import CHROMIUM, Page, browsing
from tests.system.conftest import Stack
from tests.system.ports import CONTROL, TABLE
from tests.system.rebinding import PAGE, SWITCH, rebound

pytestmark = [
    pytest.mark.system,
    pytest.mark.soak,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]
HTTP = sorted({row.port for row in TABLE if row.kind != "grpc"} - {CONTROL})
READS = {
    "prefect": ("/api/csrf-token?client=a", "/api/admin/settings"),
    "mlflow": ("/ajax-api/2.0/mlflow/experiments/get?experiment_id=0", "/version"),
    "serving": ("/v1", "/openapi.json"),
    "serving_metrics": ("/metrics",),
    "s3": ("/perennial",),
    "master": ("/dir/status", "/dir/lookup?volumeId=1"),
}
SENDS = {
    "prefect": ("/api/variables/",),
    "mlflow": ("/api/2.0/mlflow/experiments/create",),
    "receiver": ("/events",),
    "s3": ("/perennial",),
    "filer": ("/buckets/perennial/stolen",),
    "master": ("/col/delete?collection=perennial",),
}
SOCKETS = {"prefect": ("/api/events/in", "/api/events/out", "/api/logs/out")}
READ = "fetch({url!r}).then(answer => answer.text().then(() => answer.status), () => 0)"
SEND = """fetch({url!r}, {{method: 'POST', mode: 'no-cors',
    body: '{{"name": "stolen", "value": 1}}'}}).then(() => 1, () => 0)"""
FORM = """new Promise(told => {{
    const sink = Object.assign(document.createElement('iframe'), {{name: 'sink'}})
    const form = Object.assign(document.createElement('form'),
        {{method: 'POST', action: {url!r}, target: 'sink', enctype: 'text/plain'}})
    form.innerHTML = '<input name=\\'{{"name": "stolen", "value": "\\' value=\\'"}}\\'>'
    document.body.append(sink, form)
    form.submit()
    setTimeout(() => told(1), 300)
}})"""
SOCKET = """new Promise(told => {{
    const socket = new WebSocket({url!r}, ['prefect'])
    socket.onopen = () => told(true)
    socket.onerror = () => told(false)
}})"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browsing(SWITCH) as opened:
        yield opened


def changes_nothing(stack: Stack) -> None:
    assert not [info.key for info in S3Bucket(stack.settings).list("") if "stolen" in info.key]
    with open_client(stack.settings) as client:
        every = client.request("POST", "/variables/filter", json={}).json()
    assert "stolen" not in [variable["name"] for variable in every]


def tries(page: Page, name: str, address: str) -> tuple[list[int], list[bool]]:
    """Try everything at a port; return the statuses that were read, 0 for none, and what opened."""
    for path in SENDS.get(name, ()):
        page.run(SEND.format(url=address + path))
        page.run(FORM.format(url=address + path))
    read = [page.run(READ.format(url=address + path)) for path in READS.get(name, ("/",))]
    there = address.replace("http", "ws", 1)
    opened = [page.run(SOCKET.format(url=there + path)) for path in SOCKETS.get(name, ())]
    return read, opened


def test_another_site_reads_no_answer_and_opens_no_socket(stack: Stack, page: Page) -> None:
    ports = Ports.shifted(stack.offset).by_name()
    with rebound(ports["worker"]) as elsewhere:
        page.open(elsewhere + PAGE)
        page.shows("another site")
        found = {name: tries(page, name, f"http://127.0.0.1:{ports[name]}") for name in HTTP}
    # SeaweedFS's volumes let any page see that they say 401, and nothing else.
    seen = {name: statuses for name, (statuses, _) in found.items() if any(statuses)}
    assert seen == {"volume": [401]}
    assert {name: opened for name, (_, opened) in found.items() if any(opened)} == {}
    changes_nothing(stack)


@pytest.mark.parametrize("name", HTTP)
def test_a_name_that_leads_here_is_refused(stack: Stack, page: Page, name: str) -> None:
    with rebound(Ports.shifted(stack.offset).by_name()[name]) as elsewhere:
        page.open(elsewhere + PAGE)
        page.shows("another site")
        read, opened = tries(page, name, elsewhere)
    assert all(status >= 400 for status in read), read
    assert not any(opened)
    changes_nothing(stack)
