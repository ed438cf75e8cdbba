"""The worker type `perennial-warm`: Prefect's process worker, with the imports done before.

Prefect's worker goes on to start, watch, cancel and judge a process for each run; that process is
`launch.py`, which has the run forked. So nothing here leans on private parts of Prefect.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar

from prefect.settings import PREFECT_WORKER_PREFETCH_SECONDS
from prefect.workers.process import ProcessJobConfiguration, ProcessWorkerResult

from deployments.worker.closed import ClosedConfiguration, ClosedWorker
from deployments.worker.forkserver import LOG, Child, Forkserver, ForkserverLost
from deployments.worker.kind import WARM
from deployments.worker.modules import Preload, everything

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

SPILL = "POLARS_OOC_SPILL_DIR"
LONGEST = 1 << 20  # bytes of a run's environment
# Seconds. After 60 Prefect's page calls a deployment not ready, and after 30 of its own intervals
# the worker itself not well.
LOOK_EVERY = 15.0


class WarmConfiguration(ClosedConfiguration):
    """Start the launcher, where the run's code is a module that can be forked."""

    launcher: ClassVar[str] = ""

    def choose_command(self, flow_run: FlowRun, entrypoint: str | None) -> str | None:
        if entrypoint is None:
            LOG.info("Flow run '%s' starts cold: its code is not a module.", flow_run.id)
            return None
        return self.launcher


class WarmWorker(ClosedWorker):
    """Start each flow run in a child of the forkserver; what cannot be forked starts as ever."""

    type = WARM
    job_configuration = WarmConfiguration
    _display_name = "Perennial, warm"
    _description = "Start flow runs as processes that have their imports already."

    def __init__(self, work_pool_name: str, *, preload: Preload | None = None, **more: Any) -> None:
        super().__init__(work_pool_name, **more)
        self._folder = TemporaryDirectory(prefix="perennial-")  # its sockets are ours alone
        folder = Path(self._folder.name)
        self.forkserver = Forkserver(preload or everything(), folder / "loaded")
        self._address = folder / "launch"
        self._serving: set[asyncio.Task[None]] = set()
        self._looked = -LOOK_EVERY

    async def __aenter__(self) -> WarmWorker:
        command = (sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")))
        # -I -S: neither site-packages nor PYTHONPATH, whose .pth files would cost their imports.
        WarmConfiguration.launcher = shlex.join([*command, str(self._address)])
        await self.forkserver.start()
        self._reception = await asyncio.start_unix_server(
            self._receive, self._address, limit=LONGEST
        )
        try:
            # Last: from here on runs are taken, and their launchers connect.
            await super().__aenter__()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        try:
            await super().__aexit__(*exc_info)
        finally:
            await self._close()

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        # Each time that it is asked for runs, the server (3.8) writes every deployment of the pool
        # anew, to note that it was asked: of hundreds, more than all else that an idle stack does.
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY and not await self._is_one_due():
            return []
        self._looked = now
        begun: list[FlowRun] = await super().get_and_submit_flow_runs()
        return begun

    async def _is_one_due(self) -> bool:
        due = datetime.now(UTC) + timedelta(seconds=PREFECT_WORKER_PREFETCH_SECONDS.value())
        asked = {
            "work_pools": {"name": {"any_": [self._pool]}},
            "flow_runs": {
                "state": {"type": {"any_": ["SCHEDULED"]}},
                "next_scheduled_start_time": {"before_": due.isoformat()},
            },
        }
        return bool((await self.client.request("POST", "/flow_runs/count", json=asked)).json())

    async def run(
        self, flow_run: FlowRun, configuration: ProcessJobConfiguration, task_status: Any = None
    ) -> ProcessWorkerResult:
        with TemporaryDirectory(suffix="prefect") as scratch:
            # Polars chose one for the forkserver, and its thread that empties it stays there.
            configuration.env.setdefault(SPILL, f"{scratch}/spill")
            return await super().run(flow_run, configuration, task_status)

    async def _close(self) -> None:
        # Answered to the end before the forkserver goes, which alone can tell how runs end.
        self._reception.close()
        await asyncio.gather(*self._serving, return_exceptions=True)
        self.forkserver.close()
        self._folder.cleanup()

    def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Fork what one launcher asks for, and tell it how the run ends."""
        try:
            directory, environment = json.loads(await reader.readline())
            child = await self.forkserver.fork(directory, environment)
            writer.write(b"%d\n" % child.pid)
            await self._follow(child, reader)
            writer.write(b"%d\n" % await child.wait())
        except ForkserverLost as error:
            LOG.warning("A flow run starts cold: %s", error)
        finally:
            writer.close()  # a launcher that was told nothing becomes the engine itself

    async def _follow(self, child: Child, reader: asyncio.StreamReader) -> None:
        """Wait for the end of a run, which ends with its launcher."""
        killed = asyncio.create_task(reader.read())  # the launcher says nothing more
        try:
            await asyncio.wait({child.ended, killed}, return_when=asyncio.FIRST_COMPLETED)
        finally:  # also where the worker is stopped, which cancels every task
            if not child.ended.done() or child.ended.cancelled():
                await child.end()
            killed.cancel()
