"""One Prefect server for the tests of deployments and their runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orchestration import Orchestrator, running_prefect


@pytest.fixture(scope="session")
def prefect_server(short_home: Path) -> Iterator[Orchestrator]:
    """Yield a real Prefect server on SQLite; `.settings.prefect_url` reaches it."""
    with running_prefect(short_home / "orchestration") as server:
        yield server
