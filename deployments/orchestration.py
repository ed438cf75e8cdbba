"""Start a deployment's run through Prefect's API and follow it to its end."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from deployments.patience import Absence, over_a_restart
from deployments.prefect_api import PAGE, Unreachable, open_client, read_pages, run_page
from deployments.worker.kind import POOL
from tasks.errors import OrchestrationError, own_words
from tasks.reconciliation.deployed import deployment_of
from tasks.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun as ServerRun

POLL_SECONDS = 0.5
PATIENCE = 60.0  # for a worker to take the run
LAST_LINE = "Finished in state "  # of a run's log, as Prefect writes it
LAST_WORDS = 10.0  # seconds; logs are sent in batches, after the state
LATE_LOGS = timedelta(seconds=5)  # lines of several processes do not come in order
NOISE = (
    "Beginning flow run",
    "Beginning subflow run",
    "Downloading flow code",
    LAST_LINE,
    "View at ",
    "Running hook ",
    "Hook ",
    # Of a failure the last line tells, and the flow's own words stand there without the rest.
    "Encountered exception during execution",
    "Task run failed with exception",
    "Engine execution exited with unexpected exception",
)
AGAIN = "will start"  # how Prefect ends the line of a task that it tries again: worth saying


@dataclass(frozen=True)
class FlowRun:
    """A flow run that ended: `state` is COMPLETED, FAILED, CRASHED or CANCELLED."""

    id: str
    name: str
    state: str
    message: str
    url: str


def run_deployment(
    settings: Settings,
    flow: str,
    pipeline: str,
    parameters: Mapping[str, Any],
    cause: str,
    say: Callable[[str], None],
    *,
    patience: float = PATIENCE,
) -> FlowRun:
    """Run a flow's deployment for a pipeline, pass its log lines to `say`, return how it ended.

    A run that fails is returned, not raised. Interrupted from the keyboard, the run goes on and
    `say` is told where to follow it. A server that is restarted is waited for.

    Args:
        settings: where Prefect is.
        flow, pipeline: what is run, and for whom.
        parameters: what the flow takes besides its pipeline and cause.
        cause: who asked for the run; it stands in the run's name.
        say: takes each line as it comes.
        patience: seconds that the run may wait where nobody can take it.

    Raises:
        OrchestrationError: Prefect gives no answer, there is no such deployment, its parameters
            do not fit, or no worker took the run within `patience` seconds (it is cancelled).
    """
    # A request sent again after a lost answer must not start a second run.
    once = str(uuid.uuid4())

    def start() -> ServerRun:
        with open_client(settings) as client:
            return _start(client, flow, pipeline, parameters, cause, once)

    run = over_a_restart(start, say)
    url = run_page(settings, str(run.id))
    say(f"Started {run.name}: {url}")
    try:
        ended = _Follower(run.id, say, patience).follow(settings)
    except KeyboardInterrupt:
        say(f"The run goes on. Follow it at {url}")
        raise
    state = ended.state
    return FlowRun(
        id=str(ended.id),
        name=ended.name,
        state=state.type.value if state else "",
        message=own_words((state and state.message) or ""),
        url=url,
    )


def _start(
    client: SyncPrefectClient,
    flow: str,
    pipeline: str,
    parameters: Mapping[str, Any],
    cause: str,
    once: str,
) -> ServerRun:
    from prefect.exceptions import ObjectNotFound

    from tasks.reconciliation.task import read_deployment

    try:
        deployment = read_deployment(client, flow, pipeline)
    except ObjectNotFound as error:
        rule, remedy = "the deployment exists", "Run `perennial apply`."
        raise OrchestrationError(deployment_of(flow, pipeline), rule, "none", remedy) from error
    return client.create_flow_run_from_deployment(
        deployment.id,
        parameters={**parameters, "pipeline": pipeline, "cause": cause},
        name=f"{flow} {pipeline}: {cause}",
        tags=[pipeline],
        idempotency_key=once,
    )


class _Follower:
    """One run that is followed: what was said of it, and since when it waits for a worker."""

    def __init__(self, run: uuid.UUID, say: Callable[[str], None], patience: float) -> None:
        self.run = run
        self.say = say
        self.patience = patience
        self.since = time.monotonic()
        self.notices: set[str] = set()
        self.lines: set[uuid.UUID] = set()
        self.latest: datetime | None = None
        self.ended = False

    def follow(self, settings: Settings) -> ServerRun:
        absence = Absence(self.say)
        while True:
            try:
                with open_client(settings) as client:
                    while True:
                        there = client.read_flow_run(self.run)
                        self._pass_on(client)
                        absence.end()
                        if there.state is not None and there.state.is_final():
                            self._pass_on_the_rest(client, there)
                            return there
                        self._look(client, there)
                        time.sleep(POLL_SECONDS)
            # The run goes on meanwhile.
            except Unreachable as error:
                absence.bear(error)

    def _look(self, client: SyncPrefectClient, there: ServerRun) -> None:
        """Say what the run waits for; give up when there is nobody to take it.

        Raises:
            OrchestrationError: no worker is online, or the pool is paused; the run was cancelled.
        """
        from prefect.states import Cancelled

        state = there.state
        if state is None or not state.is_scheduled():
            return
        if state.name == "AwaitingConcurrencySlot":
            self._say_once("Waiting for another run of this deployment to end.")
            return
        if time.monotonic() - self.since < self.patience:
            return
        pool = there.work_pool_name or POOL
        hindrance = _hindrance(client, pool)
        if hindrance is None:
            self._say_once("Waiting for a worker to be free.")
            return
        # Left as it is, a worker that starts tomorrow would run what nobody waits for any more.
        gone = Cancelled(message="No worker took it in time.")
        client.set_flow_run_state(there.id, gone, force=True)
        remedy = f"Run `perennial up`, or start one: prefect worker start --pool {pool}."
        rule = f"a worker takes it within {self.patience:.0f} s"
        raise OrchestrationError(f"{there.name} (cancelled)", rule, hindrance, remedy)

    def _say_once(self, text: str) -> None:
        if text not in self.notices:
            self.notices.add(text)
            self.say(text)

    def _pass_on_the_rest(self, client: SyncPrefectClient, there: ServerRun) -> None:
        # The last line arrives after the state; a run that was killed has none.
        spoke = there.state is not None and (there.state.is_completed() or there.state.is_failed())
        end = time.monotonic() + (LAST_WORDS if spoke else POLL_SECONDS)
        while not self.ended and time.monotonic() < end:
            time.sleep(POLL_SECONDS / 2)
            self._pass_on(client)

    def _pass_on(self, client: SyncPrefectClient) -> None:
        """Say the lines that came since."""
        from prefect.client.schemas import filters

        # Lines arrive in batches and not quite in order: a few seconds are asked for again.
        since = self.latest - LATE_LOGS if self.latest else None
        wanted = filters.LogFilter(
            flow_run_id=filters.LogFilterFlowRunId(any_=[self.run]),
            level=filters.LogFilterLevel(ge_=logging.INFO),
            timestamp=filters.LogFilterTimestamp(after_=since) if since else None,
        )
        for line in read_pages(partial(client.read_logs, wanted, PAGE)):
            if line.id not in self.lines:
                self.lines.add(line.id)
                self.latest = max(self.latest or line.timestamp, line.timestamp)
                # A task's log ends with the same words as the run's own.
                self.ended |= line.task_run_id is None and line.message.startswith(LAST_LINE)
                if _worth_saying(line.name, line.message):
                    self.say(line.message.partition("\n")[0])


def _hindrance(client: SyncPrefectClient, pool: str) -> str | None:
    if client.read_work_pool(pool).is_paused:
        return f"the work pool {pool} paused"
    workers = client.read_workers_for_work_pool(pool, limit=PAGE, offset=0)
    if any(worker.status == "ONLINE" for worker in workers):
        return None
    return f"no worker online in the work pool {pool}"


def _worth_saying(logger: str, message: str) -> bool:
    """Tell what the flow says from what Prefect says of itself.

    >>> _worth_saying("prefect.flow_runs", "Trial 3 of 6")
    True
    >>> _worth_saying("prefect.flow_runs.worker", "Opening process...")
    False
    >>> _worth_saying("prefect.flow_runs", "Engine execution exited with unexpected exception")
    False
    >>> _worth_saying("prefect.task_runs", "Task run failed with exception: X() - Retries are over")
    False
    """
    spoken = logger in ("prefect.flow_runs", "prefect.task_runs")
    return spoken and (AGAIN in message or not message.startswith(NOISE))
