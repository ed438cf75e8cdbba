"""A clean environment for every test, the servers of the run, and the order of its parts."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from _pytest import runner
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from deployments.local.environment import OFFLINE
from tests.forks import FORKS
from tests.kept import SHELF
from tests.orchestration import Orchestrator
from tests.scheduling import (
    SERVERS,
    fixtures,
    function_of,
    longest_first,
    read_table,
    write_table,
)
from tests.servers import FOREIGN, LOGINS, S3, Tracking, with_bucket
from tests.shared import Asker, Keeper

KEEPER = pytest.StashKey[Keeper | Asker]()
WORTH_A_LINE = 1.0
TOOK: Counter[str] = Counter()

# importing it imports everything, which only the process that forks needs
collect_ignore = ["flows/warm.py"]

PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
hypothesis_settings.register_profile("shared machine", **PATIENT)
# what a change is judged by: a fault that chance finds belongs to whoever looks for it
hypothesis_settings.register_profile("repeatable", **PATIENT, derandomize=True)
hypothesis_settings.load_profile("shared machine")

# pytest (9) writes PYTEST_CURRENT_TEST three times a test, and takes it away. The C library moves
# its table of variables whenever one is added, and a thread of Arrow or ONNX that reads it
# meanwhile ends the process: one worker in some twenty thousand tests.
assert callable(runner._update_current_test_var)
runner._update_current_test_var = lambda item, when: None

for name in [each for each in os.environ if each.startswith(FOREIGN)]:
    del os.environ[name]
os.environ.update({**OFFLINE, **LOGINS})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-seconds", action="store_true", help="write tests/seconds.json from this run"
    )


def pytest_configure(config: pytest.Config) -> None:
    told = getattr(config, "workerinput", None)
    keeper = Keeper() if told is None else Asker(Path(told["keeper"]))
    config.stash[KEEPER], FORKS.address = keeper, lambda: keeper.server("forks")
    SHELF.folder = keeper.folder / "kept"


def pytest_unconfigure(config: pytest.Config) -> None:
    keeper = config.stash.get(KEEPER, None)
    if isinstance(keeper, Keeper):
        keeper.end()
        if config.getoption("--write-seconds"):
            write_table(TOOK, read_table(), WORTH_A_LINE)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist where to ask for the servers."""
    keeper = node.config.stash[KEEPER]
    keeper.answer_workers()
    node.workerinput["keeper"] = str(keeper.folder)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a server, before `-m` selects; hand the longest units out first."""
    for item in items:
        if fixtures(item) & SERVERS:
            item.add_marker("system")
        if item.get_closest_marker("soak") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1200))
    if hasattr(config, "workerinput"):
        units = longest_first(items, read_table())
        places = {nodeid: place for place, nodeid in enumerate(units)}
        items.sort(key=lambda item: places[item.nodeid])
        path = config.stash[KEEPER].folder / "units.json"
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(units))
        part.replace(path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Keep the tests of a unit in one worker, the units in the order of the collection.

    The marks of `xdist_group` do not reach xdist 3.8 under pytest 9.2: the units come as a file.
    """
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False
    units: dict[str, str] = {}

    class ByUnit(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            if not units:
                units.update(json.loads((config.stash[KEEPER].folder / "units.json").read_text()))
            return units[nodeid]

    return ByUnit(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    TOOK[function_of(report.nodeid)] += report.duration


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what was set for a vendor's library; the run's servers let every test in."""
    wanted = {**OFFLINE, **LOGINS}
    for name in [each for each in os.environ if each.startswith(FOREIGN) and each not in wanted]:
        monkeypatch.delenv(name)
    # what is right already is not written again, see above
    for name, text in wanted.items():
        if os.environ.get(name) != text:
            monkeypatch.setenv(name, text)


@pytest.fixture(scope="session")
def short_home() -> Iterator[Path]:
    """Yield a folder with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="pn-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def s3(pytestconfig: pytest.Config) -> S3:
    """Return the run's S3 server with a bucket of this worker's own; `s3.settings` reaches it."""
    server: S3 = pytestconfig.stash[KEEPER].server("s3")
    worker = getattr(pytestconfig, "workerinput", {}).get("workerid")
    return with_bucket(server, f"{server.settings.bucket}-{worker}") if worker else server


@pytest.fixture(scope="session")
def mlflow_tracking(pytestconfig: pytest.Config, s3: S3) -> Tracking:
    """Return the run's MLflow server on SQLite; `.uri` reaches it, `.settings` this bucket too."""
    server: Tracking = pytestconfig.stash[KEEPER].server("mlflow")
    return replace(server, settings=replace(s3.settings, mlflow_uri=server.uri))


@pytest.fixture(scope="session")
def orchestrator(pytestconfig: pytest.Config, short_home: Path) -> Orchestrator:
    """Return the run's Prefect server, for runs that only tell it of themselves.

    Whoever deploys, starts a worker or looks at every run has a server of its own: a plan takes
    away all other deployments.
    """
    server: Orchestrator = pytestconfig.stash[KEEPER].server("prefect")
    return replace(server, home=short_home / "prefect")
