"""The process worker, closed: what a run is started with is the worker's own, and no run's.

Prefect's template lets a run bring a command, variables and a folder, so whoever may start a run
runs what she likes, beside the keys of the store. Here a run is a flow of a deployment, no more.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from httpx import HTTPError
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.exceptions import PrefectException
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from deployments.worker.kind import COLD, find_overrides, job_template, withheld
from tasks.errors import ConfigurationError

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

ENGINE = shlex.join([sys.executable, "-m", "prefect.engine"])


class ClosedConfiguration(ProcessJobConfiguration):  # type: ignore[misc]
    """What a run is started with: nothing of it comes from the run, its deployment or the pool."""

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: DeploymentResponse | None = None,
        *args: Any,
        **more: Any,
    ) -> None:
        told: Mapping[str, Any] = deployment.job_variables or {} if deployment else {}
        brought = find_overrides({**told, **(flow_run.job_variables or {})}, ENGINE)
        if brought:
            rule = "a run brings nothing of its own but its parameters"
            remedy = "Take it out of the run's or the deployment's job variables."
            raise ConfigurationError("job variables", rule, ", ".join(brought), remedy)
        # Also of the pool's template nothing: whoever could start a run could change that too.
        self.env: dict[str, str | None] = {}
        self.working_dir = None
        entrypoint = find_module(deployment)
        # Prefect's own command prepares a folder of code and then starts Python again.
        self.command = self.choose_command(flow_run, entrypoint)
        super().prepare_for_flow_run(flow_run, deployment, *args, **more)
        # None, not left out: Prefect (3.8) puts the worker's own variables under these.
        self.env.update(dict.fromkeys(withheld(entrypoint)))

    def choose_command(self, flow_run: FlowRun, entrypoint: str | None) -> str | None:
        """Return what is started for a run; None leaves it to Prefect, which fetches the code."""
        return ENGINE if entrypoint else None


class ClosedWorker(ProcessWorker):  # type: ignore[misc]
    """Start each flow run as a process, with nothing that the run brings."""

    type = COLD
    job_configuration = ClosedConfiguration
    _display_name = "Perennial, process"
    _description = "Start each flow run in a new interpreter."
    _documentation_url = ""
    _logo_url = ""

    def __init__(self, work_pool_name: str, **more: Any) -> None:
        super().__init__(work_pool_name, **more)
        self._pool = work_pool_name

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """Return what a new pool is made with."""
        return job_template()

    async def __aenter__(self) -> ClosedWorker:
        await super().__aenter__()
        # A pool of an older release, or one that was changed since. What it says is not taken; its
        # page is to offer nothing else. A server that is busy now hears of it at the next start.
        with suppress(HTTPError, PrefectException):
            pool = await self.client.read_work_pool(self._pool)
            if pool.base_job_template != job_template():
                update = WorkPoolUpdate(base_job_template=job_template())
                await self.client.update_work_pool(self._pool, update)
        return self


def find_module(deployment: DeploymentResponse | None) -> str | None:
    """Return a deployment's entry point where it is a function of a module that lies here."""
    if deployment is None or deployment.pull_steps or deployment.storage_document_id:
        return None
    entrypoint: str | None = deployment.entrypoint
    return entrypoint if entrypoint and ":" not in entrypoint else None
