"""Reconciliation as Prefect tasks: look for what is missing, start it, mend the alias."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from prefect import task

from tasks.config import pipeline_names
from tasks.errors import bounded
from tasks.reconciliation.deployed import EVERY_PIPELINE, deployment_of
from tasks.retries import retried
from tasks.runs import run_logger
from tasks.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

    from tasks.monitoring.answers import Announcement
    from tasks.reconciliation.attempts import Attempts
    from tasks.reconciliation.missing import Launch
    from tasks.reconciliation.quiet import Mark

ACTIVE = ("RUNNING", "PENDING", "SCHEDULED")  # states in which a run sees to what waits
RETRIES = retried(Exception, waits=(1,))
LONGEST = 300  # characters
PAGE = 200  # the most runs that Prefect's API gives at once
SEEN = "reconciler.json"  # in the home folder
Result = TypeVar("Result")


@dataclass(frozen=True)
class Looked:
    """The runs to start for a pipeline, and whether nothing at all waits in it.

    `hopeless` are decisions whose trainings failed each time, with how the last of them ended.
    """

    launches: tuple[Launch, ...]
    quiet: bool = False
    hopeless: tuple[tuple[str, str], ...] = ()


@task(name="list pipelines", **RETRIES)
def list_pipelines() -> list[str]:
    """Return the names of the pipelines that have a file."""
    return list(pipeline_names(Settings.from_environment().pipelines))


@task(name="find what changed", **RETRIES)
def find_changed(pipelines: list[str]) -> dict[str, Mark | None]:
    """Return the pipelines to look at: not those that are as they were when nothing waited."""
    from tasks.reconciliation import quiet
    from tasks.store.connect import open_bucket
    from tasks.tracking.registry import read_every_alias
    from tasks.workspace import Place

    settings = Settings.from_environment()
    aliases = read_every_alias(settings.mlflow_uri) if settings.mlflow_uri else {}
    bucket = open_bucket(settings)
    places = [Place(bucket, name, settings.keyring) for name in pipelines]
    seen = quiet.recall(settings.home / SEEN, settings.bucket)
    return quiet.find_changed(places, seen, aliases, settings.pipelines, time.time())


@task(name="remember what is quiet", **RETRIES)
def remember_quiet(pipelines: list[str], marks: dict[str, Mark]) -> None:
    """Keep the marks of the pipelines in which nothing waits, and drop those of the ones gone."""
    from tasks.reconciliation import quiet

    settings, now = Settings.from_environment(), time.time()
    kept = quiet.recall(settings.home / SEEN, settings.bucket)
    seen = {name: mark for name, mark in kept.items() if name in pipelines}
    seen.update({name: quiet.Seen(mark, now) for name, mark in marks.items()})
    quiet.remember(settings.home / SEEN, settings.bucket, seen)


@task(name="look for what is missing", task_run_name="look at {pipeline}", **RETRIES)
def look(pipeline: str, grace: float, patience: float) -> Looked:
    """Return the runs that should be there for this pipeline and are not."""
    from prefect.client.orchestration import get_client

    from tasks.reconciliation.attempts import (
        continued,
        forget_attempts,
        keep_attempts,
        read_attempts,
        tell_attempts,
    )
    from tasks.reconciliation.missing import find_missing
    from tasks.reconciliation.waiting import find_waiting
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    waiting, known = find_waiting(workspace), read_attempts(workspace)
    forget_attempts(workspace, [flow for flow in known if flow in waiting and not waiting[flow]])
    if not any(waiting.values()):
        # of a ledger that does not hold, nobody knows what waits for a decision
        return Looked((), quiet="monitor" in waiting)
    with get_client(sync_client=True) as client:
        active = {flow for flow in waiting if is_active(client, flow, pipeline)}
        now, wait = datetime.now(UTC), timedelta(seconds=grace)
        missing = find_missing(pipeline, waiting, active, now, wait)
        started = [continued(launch, workspace.pipeline.digest, known) for launch in missing]
        ended = [_ended(client, attempts, now) for attempts in started]
    # of a minute in which nothing ended and nothing begins there is nothing to keep
    for attempts in (tried for tried in ended if tried != known.get(tried.flow) and tried.last):
        if attempts.over:
            run_logger().warning("%s; it is not started again", tell_attempts(attempts))
        keep_attempts(workspace, attempts)
    pairs, later = list(zip(missing, ended, strict=True)), timedelta(seconds=patience)
    return Looked(
        tuple(run for run, tried in pairs if not tried.over and tried.is_due(now, later)),
        hopeless=tuple(
            (run.parameters["decision"], tell_attempts(tried))
            for run, tried in pairs
            if tried.over and "decision" in run.parameters
        ),
    )


@task(name="close what fails", task_run_name="close {decision}", **RETRIES)
def close_hopeless(pipeline: str, decision: str, reason: str) -> Announcement | None:
    """Answer a decision with the failure of its trainings; return what to announce of it.

    While it is open, nothing else is decided in its pipeline.
    """
    from tasks.monitoring.answers import record_failure
    from tasks.workspace import open_place

    place = open_place(Settings.from_environment(), pipeline)
    return record_failure(place, decision, reason, "reconciler")


@task(name="launch", task_run_name="launch {launch.flow} {launch.pipeline}", **RETRIES)
def start(launch: Launch) -> dict[str, str]:
    """Start a run of a deployment, and return what was started; the same launch starts it once."""
    from prefect.client.orchestration import get_client

    run_logger().info("Nobody sees to %s: starting %s", launch.why, launch.flow)
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(
            read_deployment(client, launch.flow, launch.pipeline).id,
            parameters={**launch.parameters, "pipeline": launch.pipeline, "cause": "reconciler"},
            name=f"{launch.flow} {launch.pipeline}: reconciler",
            tags=[launch.pipeline],
            # two reconcilers that overlap ask with one key, and Prefect starts one run
            idempotency_key=launch.key,
        )
    _count(launch, str(run.id))
    return {"flow": launch.flow, "pipeline": launch.pipeline, "run": str(run.id)}


@task(name="honour the alias", task_run_name="alias of {pipeline}", **RETRIES)
def honour_alias(pipeline: str) -> str | None:
    """Promote what a person moved the MLflow alias to, and repair an alias that fell behind."""
    from tasks.reconciliation.alias import settle_alias
    from tasks.workspace import open_workspace

    said = settle_alias(open_workspace(Settings.from_environment(), pipeline))
    if said:
        run_logger().info(said)
    return said


def read_deployment(client: SyncPrefectClient, flow: str, pipeline: str) -> DeploymentResponse:
    """Return the deployment that runs `flow` for a pipeline.

    Raises:
        ObjectNotFound: there is none.
    """
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(deployment_of(flow, pipeline))
    except ObjectNotFound:
        # until the next `perennial apply`, a server has one a pipeline, as 0.1.0 made them
        return client.read_deployment_by_name(f"{flow}/{pipeline}")


def attempt(
    pipeline: str, failed: list[dict[str, str]], step: Callable[..., Result], *given: Any
) -> Result | None:
    """Run one step for a pipeline; where it fails, say so, add it to `failed`, and return None."""
    # whatever it is: what is broken in one pipeline must not stop those behind it
    try:
        return step(*given)
    except Exception as error:
        told = bounded(f"{type(error).__name__}: {error}", LONGEST)
        failed.append({"pipeline": pipeline, "step": step.__name__, "error": told})
        run_logger().error("%s of %s failed: %s", step.__name__, pipeline, told)
        return None


def _count(launch: Launch, run: str) -> None:
    from tasks.reconciliation.attempts import continued, keep_attempts, read_attempts
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), launch.pipeline)
    tried = continued(launch, workspace.pipeline.digest, read_attempts(workspace))
    keep_attempts(workspace, replace(tried, run=run))


def _ended(client: SyncPrefectClient, attempts: Attempts, now: datetime) -> Attempts:
    """Return the attempts after their last run, which is not active any more."""
    from prefect.exceptions import ObjectNotFound

    if not attempts.run:
        return attempts
    try:
        state = client.read_flow_run(UUID(attempts.run)).state
    except ObjectNotFound:
        return attempts.ended("and is forgotten", "", now)
    kind = "" if state is None else state.type.value
    return attempts.ended(kind, (state and state.message) or "", now)


def is_active(client: SyncPrefectClient, flow: str, pipeline: str) -> bool:
    from prefect.client.schemas.filters import DeploymentFilter, FlowFilter, FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    # a run that is scheduled for later, such as the next one of a cron, sees to nothing now
    due = {"before_": datetime.now(UTC)}
    wanted = {"state": {"type": {"any_": ACTIVE}}, "expected_start_time": due}
    theirs = {"name": {"any_": [pipeline, EVERY_PIPELINE]}}
    for start in itertools.count(0, PAGE):
        runs = client.read_flow_runs(
            flow_filter=FlowFilter.model_validate({"name": {"any_": [flow]}}),
            deployment_filter=DeploymentFilter.model_validate(theirs),
            flow_run_filter=FlowRunFilter.model_validate(wanted),
            limit=PAGE,
            offset=start,
            sort=FlowRunSort.ID_DESC,  # 3.8's server refuses the null that its client sends without
        )
        # told by its parameter: a run that an event started bears no tag before it runs
        if any(run.parameters.get("pipeline") == pipeline for run in runs):
            return True
        if len(runs) < PAGE:
            return False
    raise AssertionError
