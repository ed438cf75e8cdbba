from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployments.apply.act import bring_in_line
from tasks.settings import Settings
from tests.orchestration import Orchestrator


@pytest.fixture
def settings(prefect_server: Orchestrator) -> Iterator[Settings]:
    """A Prefect server, without any deployment or automation afterwards."""
    yield prefect_server.settings
    bring_in_line(prefect_server.settings, [])
