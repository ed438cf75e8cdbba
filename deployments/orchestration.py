"""Start a deployment's run through Prefect's API and follow it to its end."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from deployments.apply.plan import WORK_POOL
from deployments.prefect_api import Unreachable, open_client, run_page
from tasks.errors import OrchestrationError
from tasks.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun as ServerRun

POLL_SECONDS = 0.5
PATIENCE = 60.0  # for a worker to take the run
PAGE = 200  # the most that the API gives at once
ABSENCE = 60.0  # of the server, while it is restarted
LAST_LINE = "Finished in state "  # of a run's log, as Prefect writes it
EXCEPTION = "Flow run encountered an exception: "  # before the exception's own words
LAST_WORDS = 10.0  # seconds; logs are sent in batches, after the state
LATE_LOGS = timedelta(seconds=5)  # lines of several processes do not come in order
NOISE = (
    "Beginning flow run",
    "Beginning subflow run",
    "Downloading flow code",
    "Finished in state Completed(",
    "View at ",
)


@dataclass(frozen=True)
class FlowRun:
    """A flow run that ended: `state` is COMPLETED, FAILED, CRASHED or CANCELLED."""

    id: str
    name: str
    state: str
    message: str
    url: str


@dataclass
class _Lines:
    """Which log lines were passed on already."""

    say: Callable[[str], None]
    seen: set[uuid.UUID] = field(default_factory=set)
    latest: datetime | None = None
    ended: bool = False


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
    """Run the deployment `flow/pipeline`, pass its log lines to `say`, and return how it ended.

    A run that fails is returned, not raised. Interrupted from the keyboard, the run goes on and
    `say` is told where to follow it.

    Args:
        settings: where Prefect is.
        flow, pipeline: the two parts of the deployment's name.
        parameters: what the flow takes besides its pipeline and cause.
        cause: who asked for the run; it stands in the run's name.
        say: takes each line as it comes.
        patience: seconds that the run may wait where nobody can take it.

    Raises:
        OrchestrationError: Prefect gives no answer, there is no such deployment, its parameters
            do not fit, or no worker took the run within `patience` seconds (it is cancelled).
    """
    with open_client(settings) as client:
        run = _start(client, flow, pipeline, parameters, cause)
    url = run_page(settings, str(run.id))
    say(f"Started {run.name}: {url}")
    try:
        ended = _follow(settings, run.id, _Lines(say), patience)
    except KeyboardInterrupt:
        say(f"The run goes on. Follow it at {url}")
        raise
    state = ended.state
    return FlowRun(
        id=str(ended.id),
        name=ended.name,
        state=state.type.value if state else "",
        message=((state and state.message) or "").removeprefix(EXCEPTION),
        url=url,
    )


def _start(
    client: SyncPrefectClient,
    flow: str,
    pipeline: str,
    parameters: Mapping[str, Any],
    cause: str,
) -> ServerRun:
    from prefect.exceptions import ObjectNotFound

    name = f"{flow}/{pipeline}"
    try:
        deployment = client.read_deployment_by_name(name)
    except ObjectNotFound as error:
        remedy = "Run `perennial apply`."
        raise OrchestrationError(name, "the deployment exists", "none", remedy) from error
    return client.create_flow_run_from_deployment(
        deployment.id,
        parameters={**parameters, "pipeline": pipeline, "cause": cause},
        name=f"{flow} {pipeline}: {cause}",
        # A request sent again after a lost answer must not start a second run.
        idempotency_key=str(uuid.uuid4()),
    )


def _follow(settings: Settings, run: uuid.UUID, lines: _Lines, patience: float) -> ServerRun:
    waiting = _Waiting(patience)
    answered = time.monotonic()
    while True:
        try:
            with open_client(settings) as client:
                while True:
                    there = client.read_flow_run(run)
                    _pass_on(client, run, lines)
                    answered = time.monotonic()
                    if there.state is not None and there.state.is_final():
                        _pass_on_the_rest(client, there, lines)
                        return there
                    waiting.look(client, there, lines.say)
                    time.sleep(POLL_SECONDS)
        # The local stack restarts a server that died; the run goes on meanwhile.
        except Unreachable:
            if time.monotonic() - answered > ABSENCE:
                raise
            time.sleep(POLL_SECONDS)


class NoWorker(OrchestrationError):
    """Nobody took the run in time."""


class _Waiting:
    """How long a run has waited for a worker, and what was said about it."""

    def __init__(self, patience: float) -> None:
        self.since = time.monotonic()
        self.patience = patience
        self.said: set[str] = set()

    def look(self, client: SyncPrefectClient, there: ServerRun, say: Callable[[str], None]) -> None:
        """Say what the run waits for; give up when there is nobody to take it.

        Raises:
            NoWorker: no worker is online, or the pool is paused; the run was cancelled.
        """
        from prefect.states import Cancelled

        state = there.state
        if state is None or not state.is_scheduled():
            return
        if state.name == "AwaitingConcurrencySlot":
            self._once(say, "Waiting for another run of this deployment to end.")
            return
        if time.monotonic() - self.since < self.patience:
            return
        pool = there.work_pool_name or WORK_POOL
        hindrance = _hindrance(client, pool)
        if hindrance is None:
            self._once(say, "Waiting for a worker to be free.")
            return
        gone = Cancelled(message="No worker took it in time.")
        client.set_flow_run_state(there.id, gone, force=True)
        remedy = f"Run `perennial up`, or start one: prefect worker start --pool {pool}."
        rule = f"a worker takes it within {self.patience:.0f} s"
        raise NoWorker(f"{there.name} (cancelled)", rule, hindrance, remedy)

    def _once(self, say: Callable[[str], None], text: str) -> None:
        if text not in self.said:
            self.said.add(text)
            say(text)


def _hindrance(client: SyncPrefectClient, pool: str) -> str | None:
    if client.read_work_pool(pool).is_paused:
        return f"the work pool {pool} paused"
    workers = client.read_workers_for_work_pool(pool, limit=PAGE, offset=0)
    if any(worker.status == "ONLINE" for worker in workers):
        return None
    return f"no worker online in the work pool {pool}"


def _pass_on_the_rest(client: SyncPrefectClient, run: ServerRun, lines: _Lines) -> None:
    """Wait for the last line, which arrives after the state; a run that was killed has none."""
    spoke = run.state is not None and (run.state.is_completed() or run.state.is_failed())
    end = time.monotonic() + (LAST_WORDS if spoke else POLL_SECONDS)
    while not lines.ended and time.monotonic() < end:
        time.sleep(POLL_SECONDS / 2)
        _pass_on(client, run.id, lines)


def _pass_on(client: SyncPrefectClient, run: uuid.UUID, lines: _Lines) -> None:
    """Say the lines that came since; they arrive in batches and not quite in order."""
    from prefect.client.schemas.filters import (
        LogFilter,
        LogFilterFlowRunId,
        LogFilterLevel,
        LogFilterTimestamp,
    )

    since = lines.latest - LATE_LOGS if lines.latest else None
    wanted = LogFilter(
        flow_run_id=LogFilterFlowRunId(any_=[run]),
        level=LogFilterLevel(ge_=logging.INFO),
        timestamp=LogFilterTimestamp(after_=since) if since else None,
    )
    found = client.read_logs(wanted, limit=PAGE, offset=0)
    while len(found) % PAGE == 0 and (
        more := client.read_logs(wanted, limit=PAGE, offset=len(found))
    ):
        found += more
    for line in found:
        if line.id not in lines.seen:
            lines.seen.add(line.id)
            lines.latest = max(lines.latest or line.timestamp, line.timestamp)
            lines.ended |= line.task_run_id is None and line.message.startswith(LAST_LINE)
            if _worth_saying(line.name, line.message):
                lines.say(line.message.partition("\n")[0])


def _worth_saying(logger: str, message: str) -> bool:
    """Tell what the flow says from what Prefect says of itself.

    >>> _worth_saying("prefect.flow_runs", "Trial 3 of 6")
    True
    >>> _worth_saying("prefect.flow_runs.worker", "Opening process...")
    False
    """
    spoken = logger in ("prefect.flow_runs", "prefect.task_runs")
    return spoken and not message.startswith(NOISE)
