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
from deployments.prefect_api import Busy
from tasks.settings import Settings
from tests.tasks.tracking.dying import Way, taking_requests, way_that_breaks

pytestmark = pytest.mark.system


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


def write_pipelines(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"shop-{number:03}.yaml").write_text(
            f"name: shop-{number:03}\ntask: binary\ntarget: y\nevent_time: t\n"
            "retraining: {schedule: '0 6 1 * *'}\n"
        )


@pytest.mark.parametrize("many", [8, pytest.param(100, marks=pytest.mark.soak)])
def test_many(settings: Settings, tmp_path: Path, way: Counting, many: int) -> None:
    settings, asked = replace(settings, prefect_url=f"{way.uri}/api"), way.asked
    write_pipelines(tmp_path, many)
    first = apply(settings, tmp_path)
    assert len(first.create) == 2 * many + 6
    # One a deployment and one an automation; a flow is made once, whatever it has.
    assert asked["POST /api/deployments/"] == len(first.create)
    assert asked["POST /api/flows/"] == len(ENTRY_POINTS) + 2
    assert asked["POST /api/automations/"] == len(first.automations["create"]) == 4
    asked.clear()
    assert apply(settings, tmp_path).empty
    assert sum(asked.values()) <= 12
    (tmp_path / "shop-007.yaml").unlink()
    asked.clear()
    gone = apply(settings, tmp_path)
    assert [there.spec.name for there in gone.remove] == ["monitor/shop-007", "train/shop-007"]
    assert asked["POST /api/deployments/bulk_delete"] == 1


def test_one_that_was_cut_off_goes_on_where_it_was(settings: Settings, tmp_path: Path) -> None:
    write_pipelines(tmp_path, 2)
    # Three readings and the flows come first; it breaks among the deployments.
    writes = 3 + len(ENTRY_POINTS) + 2 + 5
    with way_that_breaks(settings.prefect_url, writes) as way, pytest.raises(Busy):
        apply(replace(settings, prefect_url=f"{way.uri}/api"), tmp_path)
    rest = apply(settings, tmp_path)
    # Of the last write, the answer was lost: it is found done.
    assert rest.unchanged
    assert len(rest.create) + len(rest.unchanged) == 2 * 2 + 6
    assert apply(settings, tmp_path).empty


def test_what_is_done_is_told_while_it_is_done(settings: Settings, tmp_path: Path) -> None:
    write_pipelines(tmp_path, 2)
    steps: list[int] = []
    first = apply(settings, tmp_path, step=steps.append)
    assert (len(steps), sum(steps)) == (first.changes + 1, first.changes)
    (tmp_path / "shop-001.yaml").unlink()
    steps.clear()
    gone = apply(settings, tmp_path, step=steps.append)
    assert sum(steps) == gone.changes == len(gone.remove) + len(gone.automations["update"]) == 5
