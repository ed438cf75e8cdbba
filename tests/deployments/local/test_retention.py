"""Prefect's database keeps what ran lately: a real server, made to look at once and not hourly."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.schemas.actions import LogCreate
from prefect.states import Completed

from deployments.local.prefect_server import RETENTION
from deployments.prefect_api import open_client
from tasks.events.event import Event, document
from tasks.settings import Settings
from tests.orchestration import Orchestrator, running_prefect
from tests.servers import poll

pytestmark = [pytest.mark.system, pytest.mark.soak]
WEEK = timedelta(days=7)
AT_ONCE = {"PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "2"}


@flow(name="nothing")
def nothing() -> None:
    """Do nothing."""


def run(settings: Settings) -> str:
    """Leave a run that ended, with a line of its log and an event about it; return its id."""
    with open_client(settings) as client:
        made = client.create_flow_run(nothing, state=Completed())
        line = LogCreate(
            name="test", level=20, message="said", timestamp=datetime.now(UTC), flow_run_id=made.id
        )
        client.create_logs([line])
        told = document(Event.BATCH_ACCEPTED, str(made.id), {}, datetime.now(UTC), uuid4())
        client.request("POST", "/events", json=[told]).raise_for_status()
    return str(made.id)


def rows(server: Orchestrator, table: str) -> int:
    with closing(sqlite3.connect(server.home / "prefect" / "prefect.db")) as database:
        return int(database.execute(f"select count(*) from {table}").fetchone()[0])


def age(server: Orchestrator, by: timedelta) -> None:
    """Let everything that is there have happened so long ago."""
    with closing(sqlite3.connect(server.home / "prefect" / "prefect.db", timeout=60)) as database:
        for table, column in (
            ("flow_run", "end_time"),
            ("events", "occurred"),
            ("event_resources", "occurred"),
        ):
            ago = f"-{by.total_seconds()} seconds"
            database.execute(
                f"update {table} set {column} = strftime('%Y-%m-%d %H:%M:%f000', {column}, ?)",
                (ago,),
            )
        database.commit()


def test_what_is_older_than_it_is_kept_goes_and_the_rest_stays(short_home: Path) -> None:
    with running_prefect(short_home / "retention", AT_ONCE) as server:
        old = run(server.settings)
        poll(lambda: rows(server, "events") >= 1 and rows(server, "log") == 1, 60, "what it left")
        age(server, WEEK + timedelta(hours=1))
        new = run(server.settings)
        poll(lambda: rows(server, "flow_run") == 1, 60, "the end of the old run")
        poll(lambda: rows(server, "log") == 1, 60, "the end of its log")
        with open_client(server.settings) as client:
            left = client.request("POST", "/flow_runs/filter", json={}).json()
            wanted = {"filter": {"event": {"name": [Event.BATCH_ACCEPTED.value]}}}

            def about() -> list[str]:
                found = client.request("POST", "/events/filter", json=wanted).json()["events"]
                return [event["resource"]["prefect.resource.id"] for event in found]

            poll(lambda: len(about()) == 1, 60, "the end of the old event")
            assert [run["id"] for run in left] == [new]
            assert new in about()[0]
            assert old not in about()[0]


def test_the_settings_are_the_servers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import Settings as Server

    for name, text in RETENTION.items():
        monkeypatch.setenv(name, text)
    server = Server().server
    vacuum = server.services.db_vacuum
    assert vacuum.enabled_vacuum_types == {"events", "flow_runs", "orphans"}
    assert (vacuum.retention_period, server.events.retention_period) == (WEEK, timedelta(days=1))
    beats = vacuum.event_retention_overrides
    assert beats == {"prefect.flow-run.heartbeat": timedelta(hours=1)}
    assert server.services.event_persister.batch_size == 200
