"""A sentence goes out through a person's own Prefect block, once for each event it is about."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest

from deployments.apply.act import bring_in_line
from deployments.apply.automations import automations
from deployments.prefect_api import open_client
from tasks.config import Pipeline
from tasks.errors import ConfigurationError
from tasks.events.event import Event, document
from tasks.settings import Settings
from tests.servers import poll

pytestmark = pytest.mark.system
PLANES = Pipeline(
    name="planes",
    task="binary",
    target="late",
    event_time="at",
    notifications={"blocks": ["custom-webhook/ops"], "on": ["quarantined", "promoted"]},
)


@contextmanager
def listening() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the address of a webhook, and what it was sent."""
    sent: list[dict[str, Any]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()
    server.server_close()


def make_block(settings: Settings, url: str) -> None:
    """Make the block `custom-webhook/ops`, as a person does in Prefect's page."""
    with open_client(settings) as client:
        kind = client.read_block_type_by_slug("custom-webhook")
        filters = {"block_schemas": {"block_type_id": {"any_": [str(kind.id)]}}}
        (schema, *_) = client.request("POST", "/block_schemas/filter", json=filters).json()
        data = {
            "name": "ops",
            "url": url,
            "json_data": {"subject": "{{subject}}", "text": "{{body}}"},
        }
        document = {
            "name": "ops",
            "data": data,
            "block_type_id": str(kind.id),
            "block_schema_id": schema["id"],
        }
        client.request("POST", "/block_documents/", json=document).raise_for_status()


def tell(settings: Settings, event: str, pipeline: str, summary: str) -> None:
    payload = {"summary": summary, "url": "http://127.0.0.1:4200/runs/1"}
    told = document(event, pipeline, payload, datetime.now(UTC), uuid4())
    with open_client(settings) as client:
        client.request("POST", "/events", json=[told]).raise_for_status()


def test_a_missing_block_is_named_and_nothing_changes(settings: Settings) -> None:
    told = [one for one in automations([PLANES]) if "block" in one.action]
    with pytest.raises(ConfigurationError, match=r"custom-webhook/ops.*Make it in Prefect"):
        bring_in_line(settings, [], told)
    assert bring_in_line(settings, [], [], dry_run=True).automations["remove"] == []


def test_each_event_asked_for_is_one_sentence_with_its_link(settings: Settings) -> None:
    told = [one for one in automations([PLANES]) if "block" in one.action]
    with listening() as (url, sent):
        make_block(settings, url)
        made = bring_in_line(settings, [], told).automations
        assert made["create"] == [
            "perennial: planes: tell custom-webhook/ops when quarantined",
            "perennial: planes: tell custom-webhook/ops when promoted",
        ]
        assert bring_in_line(settings, [], told).empty
        tell(settings, Event.MODEL_REFUSED, "planes", "not asked for")
        tell(settings, Event.BATCH_QUARANTINED, "trains", "of another pipeline")
        tell(settings, Event.BATCH_QUARANTINED, "planes", "a.csv: 3 rows have no date")
        tell(settings, Event.MODEL_PROMOTED, "planes", "version 2 is in service")
        poll(lambda: len(sent) >= 2, 60, "both sentences")
    assert sorted(sent, key=lambda one: one["subject"]) == [
        {
            "subject": "planes: promoted",
            "text": "version 2 is in service http://127.0.0.1:4200/runs/1",
        },
        {
            "subject": "planes: quarantined",
            "text": "a.csv: 3 rows have no date http://127.0.0.1:4200/runs/1",
        },
    ]
