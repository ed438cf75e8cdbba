from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tasks.engine.clusters import Cluster, running_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Yield a cluster of two workers."""
    with running_cluster(tmp_path_factory.mktemp("dask")) as running:
        yield running
