"""Many pipelines: what is asked of the server grows with what differs, and with nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deployments.apply.act import apply
from deployments.apply.plan import ENTRY_POINTS
from tasks.settings import Settings

pytestmark = pytest.mark.system
MANY = 100


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Count the requests that go out, by method and path; they go out all the same."""
    counts: Counter[str] = Counter()
    send = httpx.Client.send

    def counted(client: httpx.Client, request: httpx.Request, **how: object) -> httpx.Response:
        answer = send(client, request, **how)  # type: ignore[arg-type]
        # What a busy server did not take is sent again.
        counts[f"{request.method} {request.url.path}"] += answer.status_code != 503
        return answer

    monkeypatch.setattr(httpx.Client, "send", counted)
    yield counts


def test_a_hundred(settings: Settings, tmp_path: Path, asked: Counter[str]) -> None:
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
