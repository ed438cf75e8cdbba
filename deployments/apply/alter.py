"""Create, update and remove deployments on the Prefect server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from deployments.apply.plan import DeploymentSpec, Plan, Update
from deployments.prefect_api import do_each
from deployments.worker.kind import worker_type
from tasks.errors import ConfigurationError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SLUG = "perennial"  # marks our schedule; one that a person made has another, or none


def carry_out(client: SyncPrefectClient, plan: Plan, pools: set[str]) -> dict[str, Any]:
    """Create, update and remove deployments; return the ids of the new ones by name."""
    # Pools first: a deployment without its pool is refused.
    if plan.create or plan.update:
        for pool in sorted(pools):
            _ensure_pool(client, pool)
    flows = {
        name: client.create_flow_from_name(name) for name in {spec.flow for spec in plan.create}
    }

    def create(spec: DeploymentSpec) -> Any:
        fields, times = _fields(spec), _schedules(spec)
        return client.create_deployment(flows[spec.flow], spec.pipeline, schedules=times, **fields)

    created = do_each(create, plan.create)
    do_each(lambda update: _update(client, update), plan.update)
    do_each(lambda gone: client.delete_deployment(gone.id), plan.remove)
    return {spec.name: new for spec, new in zip(plan.create, created, strict=True)}


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
        client.update_deployment_schedule(wanted.present.id, ours.id, schedule=cron(wanted.spec))


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

    return [DeploymentScheduleCreate(schedule=cron(spec), slug=SLUG)] if spec.schedule else []


def cron(spec: DeploymentSpec) -> Any:
    """Return the schedule as Prefect takes it, None without one.

    Raises:
        ConfigurationError: it is not a cron line.
    """
    from pydantic import ValidationError

    try:
        return None if spec.schedule is None else _read_cron(spec.schedule)
    except ValidationError as error:
        remedy = 'Write five fields, such as "0 6 1 * *".'
        raise ConfigurationError(
            f"{spec.pipeline}: retraining.schedule", "is a cron line", spec.schedule, remedy
        ) from error


@cache
def _read_cron(line: str) -> Any:
    from prefect.client.schemas.schedules import CronSchedule

    return CronSchedule(cron=line, timezone="UTC")
