"""A page of another site reads nothing, opens nothing and changes nothing at any port."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from deployments.local.ports import Ports
from deployments.prefect_api import open_client
from tasks.store.s3 import S3Bucket
from tests.system.browsing import BROWSER, NAME, attacking, browse
from tests.system.conftest import Stack
from tests.system.ports import TABLE

pytestmark = [
    pytest.mark.system,
    pytest.mark.soak,
    pytest.mark.skipif(not BROWSER, reason="there is no browser"),
]
READS = {
    "prefect": ("/api/csrf-token?client=a", "/api/admin/settings"),
    "mlflow": ("/ajax-api/2.0/mlflow/experiments/get?experiment_id=0",),
    "serving": ("/v1", "/openapi.json"),
    "s3": ("/perennial",),
    "admin": ("/", "/health"),
}
SENDS = {
    "prefect": ("/api/variables/",),
    "mlflow": (
        "/api/2.0/mlflow/experiments/create",
        "/ajax-api/2.0/mlflow/registered-models/create",
    ),
    "receiver": ("/events",),
    "s3": ("/perennial",),
    "filer": ("/buckets/perennial/stolen",),
    "volume": ("/1,0102030405",),
    "master": ("/col/delete?collection=perennial",),
}
SOCKETS = {"prefect": ("/api/events/in", "/api/events/out", "/api/logs/out")}
HTTP = sorted({row.port for row in TABLE if row.kind != "grpc"})


def tries(name: str, at: str) -> dict[str, list[str]]:
    """Return what a page tries at a port that it reaches as `at`."""
    return {
        "reads": [f"http://{at}{path}" for path in READS.get(name, ("/",))],
        "sends": [f"http://{at}{path}" for path in SENDS.get(name, ())],
        "sockets": [f"ws://{at}{path}" for path in SOCKETS.get(name, ())],
    }


@pytest.fixture(scope="module")
def found(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what the pages found: by port, as another site, and as a name that leads here."""
    ports = Ports.shifted(stack.offset).by_name()
    with ExitStack() as opened:
        far = {name: tries(name, f"127.0.0.1:{ports[name]}") for name in HTTP}
        pages = {"far": opened.enter_context(attacking(far))}
        for name in HTTP:
            near = {name: tries(name, "SELF")}
            pages[name] = opened.enter_context(attacking(near, ports[name]))
        addresses = [f"http://{NAME}:{port}/attack" for port, _ in pages.values()]
        profile = tmp_path_factory.mktemp("browser") / "profile"
        browse(addresses, [told for _, told in pages.values()], profile)
        return {name: told[0] for name, (_, told) in pages.items()}


def test_another_site_reads_no_answer_and_opens_no_socket(found: dict[str, Any]) -> None:
    read = {name: what["read"] for name, what in found["far"].items()}
    assert read == {name: [None] * len(READS.get(name, ("/",))) for name in HTTP}
    assert not [name for name, what in found["far"].items() if any(what["open"])]


@pytest.mark.parametrize("name", HTTP)
def test_a_name_that_leads_here_is_refused(found: dict[str, Any], name: str) -> None:
    came = found[name][name]
    assert all(each is not None and each["status"] >= 400 for each in came["read"])
    assert not any(came["open"])


def test_nothing_was_changed(stack: Stack, found: dict[str, Any]) -> None:
    assert found
    assert not list(S3Bucket(stack.settings).list("stolen"))
    with open_client(stack.settings) as client:
        every = client.request("POST", "/variables/filter", json={}).json()
    assert "stolen" not in [variable["name"] for variable in every]
