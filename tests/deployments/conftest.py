"""One Prefect server for the tests of deployments and workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orchestration import Orchestrator, running_prefect


@pytest.fixture(scope="session")
def prefect_server(short_home: Path) -> Iterator[Orchestrator]:
    """Yield a Prefect server that no other worker uses: a plan is for the whole of it."""
    with running_prefect(short_home / "orchestration") as server:
        yield server
