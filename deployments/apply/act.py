"""Bring the Prefect server's deployments in line with the pipeline files."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deployments.apply.automate import bring_automations_in_line
from deployments.apply.automations import Automation, automations
from deployments.apply.plan import (
    ENTRY_POINTS,
    RECONCILE,
    TAG,
    DeploymentSpec,
    Plan,
    Present,
    Update,
    compare_deployments,
    plan_deployments,
)
from deployments.apply.transforms import check_transform
from deployments.prefect_api import PAGE, open_client, read_pages
from deployments.worker.kind import worker_type
from tasks.config import find_pipeline, pipeline_names
from tasks.errors import ConfigurationError, OrchestrationError
from tasks.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

SLUG = "perennial"  # marks our schedule; one that a person made has another, or none


def apply(settings: Settings, folder: Path, *, dry_run: bool = False) -> Plan:
    """Make the server's deployments those of the pipeline files in `folder`; return what differed.

    Deployments without the tag `perennial` are never touched. What a person paused stays paused.

    Raises:
        ConfigurationError: the folder or one of its files is not valid; nothing was changed.
        OrchestrationError: Prefect gives no answer, or a deployment of that name is someone's own.
    """
    if not folder.is_dir():
        raise ConfigurationError("pipelines", f"{folder} is a folder")
    pipelines = [find_pipeline(name, folder) for name in pipeline_names(folder)]
    for pipeline in pipelines:
        check_transform(settings, pipeline)
    entrypoints = (*ENTRY_POINTS.values(), RECONCILE)
    schemas = {entrypoint: parameter_schema(entrypoint) for entrypoint in entrypoints}
    specs = plan_deployments(pipelines, schemas, engine_command(settings))
    return bring_in_line(settings, specs, automations(pipelines), dry_run=dry_run)


def bring_in_line(
    settings: Settings,
    specs: Iterable[DeploymentSpec],
    follows: Iterable[Automation] = (),
    *,
    dry_run: bool = False,
) -> Plan:
    """Make the server's deployments and automations these; return what differed.

    Raises:
        ConfigurationError: a schedule is not a cron line; nothing was changed.
        OrchestrationError: Prefect gives no answer, or a deployment of that name is someone's own.
    """
    wanted, follows = tuple(specs), tuple(follows)
    # Every schedule is read before the first change: a bad one must leave nothing half done.
    for spec in wanted:
        _cron(spec)
    with open_client(settings) as client:
        plan = compare_deployments(wanted, _present(client, {spec.name for spec in wanted}))
        # First without acting: a block that is missing must not leave half of it done.
        events = bring_automations_in_line(client, follows, dry_run=True)
        if not dry_run:
            _carry_out(client, plan, {spec.work_pool for spec in wanted if spec.work_pool})
            events = bring_automations_in_line(client, follows)
    return replace(plan, automations=events)


def parameter_schema(entrypoint: str) -> dict[str, Any]:
    """Return the JSON schema of a flow's parameters, from its signature.

    Raises:
        ConfigurationError: the flow cannot be imported, so no worker could run it either.
    """
    # Here as below: Prefect reads its settings when it is imported, and `connect` sets them first.
    from prefect.utilities.callables import parameter_schema as schema_of

    module, _, name = entrypoint.rpartition(".")
    try:
        flow = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(entrypoint, "the flow can be imported", error) from error
    schema: dict[str, Any] = schema_of(flow.fn).model_dump(mode="json", exclude_unset=True)
    return schema


def engine_command(settings: Settings, python: str = sys.executable) -> str | None:
    """Return what a worker starts for a run; None leaves it to Prefect.

    >>> here = Settings("", "", "", "", prefect_url="http://127.0.0.1:4200/api")
    >>> engine_command(here, "/my venv/python")
    "'/my venv/python' -m prefect.engine"
    """
    # Prefect's own command prepares a folder of code and then starts Python again. Our flows are
    # importable: where the worker is on this machine, with this interpreter, one start will do.
    local = urlsplit(settings.prefect_url).hostname in ("127.0.0.1", "localhost", "::1")
    return shlex.join([python, "-m", "prefect.engine"]) if local else None


def _present(client: SyncPrefectClient, wanted: set[str]) -> tuple[Present, ...]:
    from prefect.client.schemas.sorting import DeploymentSort

    # A deployment bears its flow's id alone: asked for once a flow, not once a deployment.
    read_flow_name = cache(lambda flow: client.read_flow(flow).name)
    # Without `sort`, the client (3.8) sends null, which the server refuses.
    order, ours = DeploymentSort.NAME_ASC, []
    every = read_pages(lambda start: client.read_deployments(limit=PAGE, offset=start, sort=order))
    for there in every:
        flow = read_flow_name(there.flow_id)
        name = f"{flow}/{there.name}"
        if TAG in there.tags:
            ours.append(Present(str(there.id), _spec(flow, there)))
        elif name in wanted:
            rule, came = "the deployment of this name is ours", f"one without the tag {TAG}"
            remedy = f"Rename or delete it, or give it the tag {TAG}."
            raise OrchestrationError(name, rule, came, remedy)
    return tuple(ours)


def _spec(flow: str, there: DeploymentResponse) -> DeploymentSpec:
    limit = there.global_concurrency_limit
    return DeploymentSpec(
        flow=flow,
        pipeline=there.name,
        entrypoint=there.entrypoint or "",
        description=there.description or "",
        parameters=there.parameters,
        schedule=_written_schedule(there),
        tags=tuple(there.tags),
        work_pool=there.work_pool_name,
        concurrency=limit.limit if limit else None,
        schema=there.parameter_openapi_schema or {},
        command=there.job_variables.get("command"),
    )


def _written_schedule(there: DeploymentResponse) -> str | None:
    for schedule in there.schedules:
        if schedule.slug == SLUG:
            times = schedule.schedule
            cron, zone = getattr(times, "cron", None), times.timezone or "UTC"
            return str(cron) if zone == "UTC" and cron else f"{cron or times} {zone}"
    return None


def _carry_out(client: SyncPrefectClient, plan: Plan, pools: set[str]) -> None:
    # Pools first: a deployment without its pool is refused.
    for pool in sorted(pools):
        _ensure_pool(client, pool)
    for spec in plan.create:
        flow = client.create_flow_from_name(spec.flow)
        client.create_deployment(flow, spec.pipeline, schedules=_schedules(spec), **_fields(spec))
    for update in plan.update:
        _update(client, update)
    for gone in plan.remove:
        client.delete_deployment(gone.id)


def _ensure_pool(client: SyncPrefectClient, name: str) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
    from prefect.workers.process import ProcessWorker

    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        kind = worker_type(os.environ.get("PERENNIAL_WORKER", ""))
        pool = WorkPoolCreate(name=name, type=kind, base_job_template=template)
        # A worker that starts at this moment makes the same pool.
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(pool)


def _update(client: SyncPrefectClient, wanted: Update) -> None:
    from prefect.client.schemas.actions import DeploymentUpdate

    if wanted.changes.keys() - {"schedule"}:
        client.update_deployment(wanted.present.id, DeploymentUpdate(**_fields(wanted.spec)))
    if "schedule" in wanted.changes:
        _reschedule(client, wanted)


def _reschedule(client: SyncPrefectClient, wanted: Update) -> None:
    # Ours alone: whether it is active, and any other schedule, is a person's.
    there = client.read_deployment_schedules(wanted.present.id)
    ours = next((schedule for schedule in there if schedule.slug == SLUG), None)
    if ours is None:
        client.create_deployment_schedules(wanted.present.id, _schedules(wanted.spec))
    elif wanted.spec.schedule is None:
        client.delete_deployment_schedule(wanted.present.id, ours.id)
    else:
        client.update_deployment_schedule(wanted.present.id, ours.id, schedule=_cron(wanted.spec))


def _fields(spec: DeploymentSpec) -> Mapping[str, Any]:
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions

    queue = ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
    return {
        "enforce_parameter_schema": True,
        "entrypoint": spec.entrypoint,
        "description": spec.description,
        "parameters": dict(spec.parameters),
        "tags": list(spec.tags),
        "work_pool_name": spec.work_pool,
        "concurrency_limit": spec.concurrency,
        "concurrency_options": queue if spec.concurrency else None,
        "parameter_openapi_schema": dict(spec.schema),
        # Without a command of ours, the pool's own template decides.
        "job_variables": {"command": spec.command} if spec.command else {},
    }


def _schedules(spec: DeploymentSpec) -> list[Any]:
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    return [DeploymentScheduleCreate(schedule=_cron(spec), slug=SLUG)] if spec.schedule else []


def _cron(spec: DeploymentSpec) -> Any:
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    if spec.schedule is None:
        return None
    try:
        return CronSchedule(cron=spec.schedule, timezone="UTC")
    except ValidationError as error:
        remedy = 'Write five fields, such as "0 6 1 * *".'
        raise ConfigurationError(
            f"{spec.pipeline}: retraining.schedule", "is a cron line", spec.schedule, remedy
        ) from error
