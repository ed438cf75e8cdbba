"""The receiver between a real SeaweedFS and a real Prefect server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from deployments.prefect_api import open_client
from deployments.receiver.announce import Announcer
from tasks.errors import OrchestrationError
from tasks.events.event import Event, resource
from tasks.events.gathering import WakeUp
from tasks.settings import Settings
from tasks.store.s3 import S3Bucket
from tests.deployments.receiver.serving import TOKEN, Heard, receiving
from tests.orchestration import Orchestrator
from tests.servers import poll, running_s3


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def bucket(short_home: Path, heard: Heard) -> Iterator[S3Bucket]:
    """Yield the store of a SeaweedFS that tells a receiver."""
    home = short_home / secrets.token_hex(4)
    with (
        receiving(heard) as port,
        running_s3(home, f"http://127.0.0.1:{port}/events", TOKEN) as server,
    ):
        yield S3Bucket(server.settings)


@pytest.mark.system
def test_an_object_put_into_the_bucket_wakes_its_pipeline(bucket: S3Bucket, heard: Heard) -> None:
    key = "flights/incoming/2013 01+ü%.csv"
    bucket.put("flights/curated/part.parquet", b"1")
    bucket.put("flights/models/1/manifest.json", b"1")
    bucket.put(key, b"a,b\n1,2\n")
    poll(lambda: bool(heard.wakes), 10, "the wake-up")
    assert heard.wakes[0].keys == (key,)
    bucket.put(key, b"a,b\n3,4\n")
    bucket.put("planes/labels/may.csv", b"1" * 20_000_000)
    poll(lambda: len(heard.of("flights")) == 2 and bool(heard.of("planes")), 10, "the others")
    bucket.delete(key)
    bucket.put("boats/incoming/last.csv", b"1")
    poll(lambda: bool(heard.of("boats")), 10, "the last")
    assert sum(each.objects for each in heard.wakes) == 4


@pytest.mark.system
def test_prefect_gets_one_event_a_pipeline(orchestrator: Orchestrator) -> None:
    begin, call, pipeline = datetime.now(UTC), uuid4(), f"p{secrets.token_hex(4)}"
    announcer = Announcer(orchestrator.settings)
    announcer((), call)
    wakes = [WakeUp(pipeline, 500, (f"{pipeline}/incoming/ü.csv",)), WakeUp(f"{pipeline}-2", 1, ())]
    announcer(wakes, call)
    announcer(wakes[:1], call)
    poll(lambda: len(events(orchestrator, pipeline, begin)) > 0, 30, "the event")
    (found,) = events(orchestrator, pipeline, begin)
    assert found["payload"] == {
        "pipeline": pipeline,
        "objects": 500,
        "keys": [f"{pipeline}/incoming/ü.csv"],
    }
    announcer(wakes[:1], uuid4())
    poll(lambda: len(events(orchestrator, pipeline, begin)) == 2, 30, "another event")
    assert len(events(orchestrator, f"{pipeline}-2", begin)) == 1


def events(server: Orchestrator, pipeline: str, since: datetime) -> list[dict[str, Any]]:
    """Return the arrivals that Prefect has of a pipeline."""
    wanted = {
        "event": {"name": [Event.OBJECT_ARRIVED]},
        "resource": {"id": [resource(pipeline)]},
        "occurred": {"since": (since - timedelta(seconds=1)).isoformat()},
    }
    with open_client(server.settings) as client:
        found = client.request("POST", "/events/filter", json={"filter": wanted})
        return list(found.json()["events"])


def test_an_absent_prefect_is_an_error_of_ours_each_time() -> None:
    announcer = Announcer(Settings("", "", "", "", prefect_url="http://127.0.0.1:1/api"))
    for _ in range(2):
        with pytest.raises(OrchestrationError, match="answers at"):
            announcer([WakeUp("flights", 1, ())], UUID(int=1))
