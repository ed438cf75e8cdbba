"""A clean environment for every test, and the servers that tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from deployments.local.environment import OFFLINE
from tests.servers import FOREIGN, S3, Tracking, running_mlflow, running_s3

GROUPS = (
    ("tests/system/", "stack"),
    ("tests/flows/test_training.py", "training"),
    ("tests/flows/test_monitoring.py", "monitoring"),
    ("tests/flows/", "flows"),
    ("tests/deployments/", "servers"),
    ("tests/tasks/tracking/", "servers"),
    ("tests/tasks/promotion/", "servers"),
    ("tests/mlflow_server/", "servers"),
    ("tests/test_servers.py", "servers"),
)

# importing it imports everything, which only the flows' forkserver needs
collect_ignore = ["flows/warm.py"]

hypothesis_settings.register_profile("shared machine", deadline=None)
hypothesis_settings.load_profile("shared machine")

for name in [each for each in os.environ if each.startswith(FOREIGN)]:
    del os.environ[name]
os.environ.update(OFFLINE)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Keep the tests of one heavy server in one worker, so that it is started once.

    The marks of `xdist_group` do not reach xdist 3.8 under pytest 9.2: the folder decides.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            found = (name for prefix, name in GROUPS if nodeid.startswith(prefix))
            return next(found, nodeid)

    return Grouped(config, log)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what an earlier test, or the person's shell, set for a vendor's library."""
    for name in [each for each in os.environ if each.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    for name, text in OFFLINE.items():
        monkeypatch.setenv(name, text)


@pytest.fixture(scope="session")
def short_home() -> Iterator[Path]:
    """Yield a folder with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="pn-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def s3(short_home: Path) -> Iterator[S3]:
    """Yield a real S3 server with an empty bucket; `s3.settings` reaches it."""
    with running_s3(short_home / "s3") as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_tracking(short_home: Path, s3: S3) -> Iterator[Tracking]:
    """Yield a real MLflow server on SQLite; `.uri` reaches it, artifacts lie in the s3 bucket."""
    with running_mlflow(short_home / "mlflow", s3) as server:
        yield server
