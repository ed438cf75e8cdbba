from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks.engine.engine import open_engine
from tests.servers import poll
from tests.tasks.engine.clusters import PATIENCE, Cluster, running_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Yield a cluster of two workers."""
    with running_cluster(tmp_path_factory.mktemp("dask")) as running:
        # each worker joins when it has imported everything
        poll(lambda: _width(running) == 2, PATIENCE, "two workers")
        yield running


def _width(running: Cluster) -> int:
    with open_engine(running.engine, lambda _: None) as engine:
        assert engine is not None
        return engine.width
