"""A warm worker on a real Prefect server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.workers.process import ProcessWorker

from deployments.apply.act import bring_in_line, parameter_schema
from deployments.apply.plan import TAG, DeploymentSpec
from deployments.local.prefect_server import worker_environment
from deployments.prefect_api import open_client
from deployments.worker.kind import RUN_NAME
from tasks.settings import REPOSITORY, Settings
from tests.deployments.worker import examples
from tests.orchestration import Orchestrator
from tests.servers import LOGINS, _alive, _running, answers, poll

PRELOAD = "lightgbm,polars,boto3,pyarrow.parquet,tests.deployments.worker.examples"
FLOWS = ("tell", "linger", "vanish", "meet", "learn")


@dataclass
class Warm:
    """A running warm worker: start runs, and look at its processes and its log."""

    settings: Settings
    process: subprocess.Popen[bytes]
    log: Path

    def start(self, flow: str, deployment: str = "example", **parameters: Any) -> str:
        """Start a run, and return its id."""
        with open_client(self.settings) as client:
            there = client.read_deployment_by_name(f"{flow}/{deployment}")
            run = client.create_flow_run_from_deployment(there.id, parameters=parameters)
        return str(run.id)

    def ended(self, run: str, seconds: float = 120) -> Any:
        """Wait for the end of a run, and return it."""
        until = time.monotonic() + seconds
        with open_client(self.settings) as client:
            while True:
                there: Any = client.read_flow_run(run)
                if there.state is not None and there.state.is_final():
                    return there
                assert time.monotonic() < until, f"{there.state}; {self.log.read_text()[-2000:]}"
                time.sleep(0.1)

    def run(self, flow: str, deployment: str = "example", **parameters: Any) -> Any:
        """Run to the end."""
        return self.ended(self.start(flow, deployment, **parameters))

    def forkservers(self) -> list[psutil.Process]:
        """Return the processes that the worker forks from."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        ours = (each for each in below if "multiprocessing.forkserver" in " ".join(each.cmdline()))
        return [each for each in ours if each.name() != RUN_NAME]


@contextmanager
def warm_worker(
    server: Orchestrator,
    log: Path,
    preload: str = PRELOAD,
    pool: str = "perennial",
    more: Mapping[str, str] | None = None,
) -> Iterator[Warm]:
    """Run a warm worker that has imported its modules."""
    environment = {
        **worker_environment(server.ports, REPOSITORY),
        "PREFECT_HOME": str(server.home / "worker"),
        "PREFECT_API_URL": server.settings.prefect_url,
        **LOGINS,
        **(more or {}),
    }
    command = (sys.executable, "-m", "deployments.worker", "--pool", pool, "--name", "local")
    health = f"http://127.0.0.1:{server.ports.worker}/health"
    with _running((*command, "--preload", preload), environment, log) as process:
        poll(lambda: _alive(process) and answers(health), 90, "the worker")
        poll(lambda: log.read_text().count("Preloaded") == 1, 180, "the forkserver")
        yield Warm(server.settings, process, log)


@pytest.fixture(scope="module")
def deployed(prefect_server: Orchestrator) -> Iterator[Orchestrator]:
    """Deploy the example flows."""
    settings = prefect_server.settings
    with open_client(settings) as client:
        template = ProcessWorker.get_default_base_job_template()
        plain = WorkPoolCreate(name="plain", type="process", base_job_template=template)
        client.create_work_pool(plain, overwrite=True)  # by an earlier module, too
    every = [_spec(name, "example") for name in FLOWS]
    cold = replace(_spec("tell", "cold"), entrypoint=f"{examples.__file__}:tell")
    elsewhere = [_spec(name, "elsewhere", work_pool="plain") for name in ("linger", "recite")]
    bring_in_line(settings, [*every, cold, *elsewhere])
    yield prefect_server
    bring_in_line(settings, [])


def _spec(flow: str, name: str, **more: Any) -> DeploymentSpec:
    entry = f"{examples.__name__}.{flow}"
    return DeploymentSpec(flow, name, entry, tags=(TAG,), schema=parameter_schema(entry), **more)


@pytest.fixture(scope="module")
def warm(deployed: Orchestrator, short_home: Path) -> Iterator[Warm]:
    """Yield a running warm worker."""
    more = {"PERENNIAL_TEST_WORD": "of the worker", "AWS_SECRET_ACCESS_KEY": "of the store"}
    with warm_worker(deployed, short_home / "warm.log", more=more) as worker:
        yield worker


def told(folder: Path, name: str) -> Any:
    """Wait for what a flow left, and return it."""
    poll((folder / name).exists, 120, name)
    return json.loads((folder / name).read_text())
