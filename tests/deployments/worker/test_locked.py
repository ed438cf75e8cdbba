"""A database that another process holds for 40 s costs neither a run nor an event."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from deployments.local.environment import client as client_environment
from deployments.local.folder import Folder, Memory
from deployments.local.secrets import GENERATORS
from deployments.prefect_api import open_client, patiently
from tasks.events.event import Event, document
from tests.deployments.worker.conftest import told, warm_worker
from tests.orchestration import Orchestrator
from tests.servers import poll

pytestmark = [pytest.mark.system, pytest.mark.soak]
HELD = 40.0  # seconds
TRIES = "PREFECT_CLIENT_MAX_RETRIES"


def hold(path: Path, holding: threading.Event) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as database:
        database.execute("begin immediate")
        holding.set()
        time.sleep(HELD)
        database.execute("rollback")


def test_a_run_and_an_event_survive_a_locked_database(
    deployed: Orchestrator, tmp_path: Path
) -> None:
    settings, holding = deployed.settings, threading.Event()
    ours = client_environment(Folder(tmp_path), Memory(), dict.fromkeys(GENERATORS, "x"))
    more = {TRIES: ours[TRIES]}
    with warm_worker(
        deployed, tmp_path / "log", "tests.deployments.worker.examples", more=more
    ) as warm:
        run = warm.start("linger", folder=str(tmp_path), seconds=3)
        told(tmp_path, "lingers")
        database = deployed.home / "prefect" / "prefect.db"
        holder = threading.Thread(target=hold, args=(database, holding))
        holder.start()
        assert holding.wait(60)
        name = f"held-{uuid4().hex[:8]}"
        event = document(Event.BATCH_ACCEPTED, name, {}, datetime.now(UTC), uuid4())

        def tell() -> None:
            with open_client(settings) as client:
                client.request("POST", "/events", json=[event]).raise_for_status()

        assert holder.is_alive()  # the run's end and the event meet a database that is held
        patiently(tell)
        assert warm.ended(run, seconds=180).state.name == "Completed"
        holder.join()
    wanted = {"filter": {"resource": {"id": [f"perennial.pipeline.{name}"]}}}
    with open_client(settings) as client:

        def kept() -> bool:
            return bool(client.request("POST", "/events/filter", json=wanted).json()["events"])

        poll(kept, 120, "the event in the database", every=1)
