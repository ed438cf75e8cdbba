"""The worker type `perennial-warm`: Prefect's process worker, with the imports done before."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from prefect.flows import load_flow_from_flow_run
from prefect.runner._control_channel import ControlChannel
from prefect.runner._flow_run_executor import FlowRunExecutorContext
from prefect.runner._process_manager import ProcessHandle, create_isolated_termination_scope
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.settings import get_current_settings
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from deployments.worker.forked import Forked, ForkserverLost
from deployments.worker.keeper import Keeper
from deployments.worker.kind import WARM, cold_because
from deployments.worker.modules import Preload, everything

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

SPILL = "POLARS_OOC_SPILL_DIR"
GRACE = 5.0


class WarmWorker(ProcessWorker):  # type: ignore[misc]
    """Start each flow run in a child of a forkserver; what cannot be forked starts as ever."""

    type = WARM
    _display_name = "Perennial, warm"
    _description = "Start flow runs as processes that have their imports already."
    _documentation_url = ""
    _logo_url = ""

    def __init__(self, *args: Any, preload: Preload | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        set_here = get_current_settings().to_environment_variables(exclude_unset=True)
        self.keeper = Keeper(preload or everything(), {**os.environ, **set_here})

    async def __aenter__(self) -> WarmWorker:
        await self.keeper.refresh()
        try:
            await super().__aenter__()
        except BaseException:
            await self.keeper.close()
            raise
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        try:
            await super().__aexit__(*exc_info)
        finally:
            await self.keeper.close()

    async def run(
        self, flow_run: FlowRun, configuration: ProcessJobConfiguration, task_status: Any = None
    ) -> ProcessWorkerResult:
        """Run one flow run to its end; its status is 0, the exit status, or minus the signal."""
        reason = self._cold_because(configuration)
        if reason:
            self._logger.info("Flow run '%s' starts cold: %s.", flow_run.id, reason)
            return await super().run(flow_run, configuration, task_status)
        with ExitStack() as stack:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(suffix="prefect"))
            place = Path(configuration.working_dir or scratch).resolve()
            async with FlowRunExecutorContext() as context:
                environment = {SPILL: f"{scratch}/spill", **configuration.env}
                starter = WarmStarter(
                    self.keeper, context.control_channel, place, environment, self._logger
                )
                executor = context.create_executor(
                    flow_run,
                    starter,
                    resolve_flow=load_flow_from_flow_run,
                    propose_submitting=False,
                )
                return await _followed(executor, task_status)

    def _cold_because(self, configuration: ProcessJobConfiguration) -> str:
        deployment = configuration._related_objects.get("deployment")
        return cold_because(
            configuration.command if configuration._command_configured else None,
            deployment.entrypoint if deployment else None,
            bool(deployment and (deployment.pull_steps or deployment.storage_document_id)),
            {name: text for name, text in configuration.env.items() if text is not None},
            self.keeper.environment,
        )


async def _followed(executor: Any, task_status: Any) -> ProcessWorkerResult:
    found: list[Any] = []

    async def execute(*, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
        found.append(await executor.submit(task_status=task_status))

    async with anyio.create_task_group() as group:
        handle = await group.start(execute)
        if task_status is not None:
            task_status.started(handle.pid)
    result = found[0]
    if result is None or result.status_code is None:
        raise RuntimeError("Failed to start flow run process.")
    return ProcessWorkerResult(status_code=result.status_code, identifier=str(handle.pid))


class WarmStarter:
    """How Prefect's executor starts a run: forked, or as ever where the forkserver is gone."""

    def __init__(
        self,
        keeper: Keeper,
        channel: ControlChannel,
        directory: Path,
        environment: Mapping[str, str | None],
        logger: Any,
    ) -> None:
        self.keeper = keeper
        self.channel = channel
        self.directory = directory
        self.environment = environment
        self.logger = logger

    async def start(self, flow_run: FlowRun, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
        """Start the process, tell its handle, and wait for its end."""
        try:
            child = await self._fork(flow_run)
        except ForkserverLost as error:
            self.logger.warning("Flow run '%s' starts cold: %s", flow_run.id, error)
            cold = EngineCommandStarter(
                cwd=self.directory,
                env=dict(self.environment),
                control_channel=self.channel,
                isolate_process_group=True,
            )
            await cold.start(flow_run, task_status=task_status)
            return
        try:
            task_status.started(ProcessHandle(child, create_isolated_termination_scope(child.pid)))
            await child.wait()
        finally:
            await _end(child)

    async def _fork(self, flow_run: FlowRun) -> Forked:
        control: dict[str, str] = {}
        with suppress(RuntimeError):  # no listener: a cancelled run is killed, not asked
            port, token = self.channel.register(flow_run.id)
            control = {"PREFECT__CONTROL_PORT": str(port), "PREFECT__CONTROL_TOKEN": token}
        set_here = get_current_settings().to_environment_variables(exclude_unset=True)
        every = {
            **self.environment,
            **set_here,
            **control,
            "PREFECT__FLOW_RUN_ID": str(flow_run.id),
            "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
        }
        environment = {name: text for name, text in every.items() if text is not None}
        try:
            return await self.keeper.fork(str(flow_run.id), str(self.directory), environment)
        except BaseException:
            self.channel.unregister(flow_run.id)
            raise


async def _end(child: Forked) -> None:
    """End what is left of the run's process when its worker stops."""
    if child.returncode is not None:
        return
    with suppress(ProcessLookupError), anyio.CancelScope(shield=True):
        os.killpg(child.pid, signal.SIGTERM)
        with anyio.move_on_after(GRACE):
            await child.wait()
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
