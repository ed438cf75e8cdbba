"""Many pipelines: what is asked of the server grows with what differs, and with nothing else."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from deployments.apply.act import apply
from deployments.apply.plan import ENTRY_POINTS
from tasks.settings import Settings
from tests.tasks.tracking.dying import Way, taking_requests

pytestmark = pytest.mark.system
MANY = 100


class Counting(Way):
    """Hands every request to the server, and counts those that it took, by method and path."""

    def __init__(self, target: str) -> None:
        super().__init__(target, sys.maxsize)
        self.asked: Counter[str] = Counter()

    def counts(self, handler: BaseHTTPRequestHandler, status: int) -> bool:
        path = handler.path.partition("?")[0]
        with self.lock:
            # What a busy server did not take is sent again.
            self.asked[f"{handler.command} {path}"] += status != 503
        return True


@pytest.fixture
def way(settings: Settings) -> Iterator[Counting]:
    """Yield a way to the Prefect server that counts."""
    way = Counting(settings.prefect_url)
    with taking_requests(way):
        yield way


def test_a_hundred(settings: Settings, tmp_path: Path, way: Counting) -> None:
    settings, asked = replace(settings, prefect_url=f"{way.uri}/api"), way.asked
    for number in range(MANY):
        (tmp_path / f"shop-{number:03}.yaml").write_text(
            f"name: shop-{number:03}\ntask: binary\ntarget: y\nevent_time: t\n"
            "retraining: {schedule: '0 6 1 * *'}\n"
        )
    first = apply(settings, tmp_path)
    assert len(first.create) == MANY * len(ENTRY_POINTS) + 1
    # One a deployment and one an automation; a flow is made once, whatever it has.
    assert asked["POST /api/deployments/"] == len(first.create)
    assert asked["POST /api/flows/"] == len(ENTRY_POINTS) + 1
    assert asked["POST /api/automations/"] == len(first.automations["create"])
    asked.clear()
    assert apply(settings, tmp_path).empty
    assert sum(asked.values()) <= 12
    (tmp_path / "shop-007.yaml").unlink()
    asked.clear()
    gone = apply(settings, tmp_path)
    assert len(gone.remove) == len(ENTRY_POINTS)
