"""Create, update and remove deployments on the Prefect server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from deployments.apply.plan import DeploymentSpec, Plan, Present, Update
from deployments.prefect_api import do_each
from deployments.worker.kind import chosen_worker, job_template
from tasks.errors import ConfigurationError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SLUG = "perennial"  # marks our schedule; one that a person made has another, or none
AT_ONCE = 50  # the most deployments that one request removes


def carry_out(
    client: SyncPrefectClient, plan: Plan, pools: set[str], step: Callable[[int], None]
) -> dict[str, Any]:
    """Create, update and remove deployments; return the ids of the new ones by name.

    `step` takes how many more are done.
    """
    # Pools first: a deployment without its pool is refused.
    for pool in sorted(pools):
        _ensure_pool(client, pool)
    flows = {
        name: client.create_flow_from_name(name) for name in {spec.flow for spec in plan.create}
    }
    created = do_each(lambda spec: _create(client, flows[spec.flow], spec), plan.create, step)
    do_each(lambda update: _update(client, update), plan.update, step)
    gone = [plan.remove[start : start + AT_ONCE] for start in range(0, len(plan.remove), AT_ONCE)]
    do_each(lambda present: _remove(client, present), gone, lambda _: None)
    step(len(plan.remove))
    return {spec.name: new for spec, new in zip(plan.create, created, strict=True)}


def _create(client: SyncPrefectClient, flow: UUID, spec: DeploymentSpec) -> UUID:
    fields = {name: value for name, value in _fields(spec).items() if value not in (None, {})}
    # That the schema of the parameters is enforced is not told here, being so anyway: told, the
    # server (3.8) first checks twice that it is a schema, and the client's own call twice more.
    if spec.concurrency:
        fields["concurrency_options"] = fields["concurrency_options"].model_dump(mode="json")
    times = [schedule.model_dump(mode="json", exclude_unset=True) for schedule in _schedules(spec)]
    asked = {"flow_id": str(flow), "name": spec.pipeline, "schedules": times, **fields}
    return UUID(client.request("POST", "/deployments/", json=asked).json()["id"])


def _remove(client: SyncPrefectClient, gone: Sequence[Present]) -> None:
    chosen = {"id": {"any_": [present.id for present in gone]}}
    client.request("POST", "/deployments/bulk_delete", json={"deployments": chosen})


def _ensure_pool(client: SyncPrefectClient, name: str) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    template = job_template()
    try:
        # One of an older release lets a run bring a command of its own.
        if client.read_work_pool(name).base_job_template != template:
            client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))
    except ObjectNotFound:
        pool = WorkPoolCreate(name=name, type=chosen_worker(), base_job_template=template)
        # A worker that starts at this moment makes the same pool.
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(pool)


def _update(client: SyncPrefectClient, wanted: Update) -> None:
    from prefect.client.schemas.actions import DeploymentUpdate

    if wanted.changes.keys() - {"schedule"}:
        fields = DeploymentUpdate(enforce_parameter_schema=True, **_fields(wanted.spec))
        client.update_deployment(wanted.present.id, fields)
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
        "entrypoint": spec.entrypoint,
        "description": spec.description,
        "parameters": dict(spec.parameters),
        "tags": list(spec.tags),
        "work_pool_name": spec.work_pool,
        "concurrency_limit": spec.concurrency,
        "concurrency_options": queue if spec.concurrency else None,
        "parameter_openapi_schema": dict(spec.schema),
        "job_variables": {},
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
