"""Bring the Prefect server's deployments in line with the pipeline files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.apply.alter import SLUG, carry_out, cron
from deployments.apply.automate import carry_out_automations, plan_automations
from deployments.apply.automations import Automation, automations
from deployments.apply.plan import (
    ENTRY_POINTS,
    EVERYONES,
    MAINTAIN,
    OPTIONAL,
    RECONCILE,
    TAG,
    DeploymentSpec,
    Plan,
    Present,
    compare_deployments,
    plan_deployments,
)
from deployments.apply.transforms import check_transform
from deployments.prefect_api import PAGE, open_client, read_pages
from tasks.config import find_pipeline, pipeline_names
from tasks.errors import ConfigurationError, OrchestrationError
from tasks.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


def apply(
    settings: Settings,
    folder: Path,
    *,
    only: str | None = None,
    dry_run: bool = False,
    tell: Callable[[Plan], None] = lambda _: None,
    step: Callable[[int], None] = lambda _: None,
) -> Plan:
    """Make the server's deployments those of the pipeline files in `folder`; return what differed.

    Deployments without the tag `perennial` are never touched. What a person paused stays paused.
    With `only`, those of one pipeline and the reconciler alone; where it has no file any more, its
    deployments go. `tell` takes what differs before anything is done, and `step`, while it is
    done, how many more are.

    Raises:
        ConfigurationError: the folder or one of its files is not valid; nothing was changed.
        OrchestrationError: Prefect gives no answer, or a deployment of that name is someone's own.
    """
    if not folder.is_dir():
        raise ConfigurationError("pipelines", f"{folder} is a folder")
    named = [name for name in pipeline_names(folder) if only in (None, name)]
    pipelines = [find_pipeline(name, folder) for name in named]
    for pipeline in pipelines:
        check_transform(settings, pipeline)
    entrypoints = (*ENTRY_POINTS.values(), *OPTIONAL.values(), RECONCILE, MAINTAIN)
    schemas = {entrypoint: parameter_schema(entrypoint) for entrypoint in entrypoints}
    specs = plan_deployments(pipelines, schemas)
    follows = automations(pipelines)
    return bring_in_line(settings, specs, follows, only=only, dry_run=dry_run, tell=tell, step=step)


def bring_in_line(
    settings: Settings,
    specs: Iterable[DeploymentSpec],
    follows: Iterable[Automation] = (),
    *,
    only: str | None = None,
    dry_run: bool = False,
    tell: Callable[[Plan], None] = lambda _: None,
    step: Callable[[int], None] = lambda _: None,
) -> Plan:
    """Make the server's deployments and automations these; return what differed.

    With `only`, nothing that belongs to another pipeline is touched. `tell` and `step` are those of
    `apply`.

    Raises:
        ConfigurationError: a schedule is not a cron line; nothing was changed.
        OrchestrationError: Prefect gives no answer, or a deployment of that name is someone's own.
    """
    wanted = tuple(specs)
    # Every schedule is read before the first change: a bad one must leave nothing half done.
    for spec in wanted:
        cron(spec)
    with open_client(settings) as client:
        names = {spec.name for spec in wanted}
        present = _present(client, names)
        ids: dict[str, Any] = {there.spec.name: there.id for there in present}
        if only is not None:
            # What is everyone's is brought in line, and never taken away.
            present = tuple(
                there
                for there in present
                if there.spec.name in names
                or (there.spec.pipeline == only and there.spec.name not in EVERYONES)
            )
        # All is read before anything is done: a block that is missing must not leave half of it.
        events = plan_automations(client, follows, ids, only=only)
        plan = compare_deployments(wanted, present)
        plan = replace(plan, automations=events.names())
        tell(plan)
        if not dry_run:
            pools = {spec.work_pool for spec in wanted if spec.work_pool}
            ids.update(carry_out(client, plan, pools, step))
            carry_out_automations(client, events, ids, step)
    return plan


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


def _present(client: SyncPrefectClient, wanted: set[str]) -> tuple[Present, ...]:
    ours = []
    every = read_pages(partial(_page, client, "/deployments/filter"))
    # A deployment bears its flow's id alone. Read afterwards: of each that is there by now.
    flows = {
        flow["id"]: flow["name"] for flow in read_pages(partial(_page, client, "/flows/filter"))
    }
    for there in every:
        flow = flows[there["flow_id"]]
        name = f"{flow}/{there['name']}"
        if TAG in there["tags"]:
            ours.append(Present(there["id"], _spec(flow, there)))
        elif name in wanted:
            rule, came = "the deployment of this name is ours", f"one without the tag {TAG}"
            remedy = f"Rename or delete it, or give it the tag {TAG}."
            raise OrchestrationError(name, rule, came, remedy)
    return tuple(ours)


def _page(client: SyncPrefectClient, path: Any, start: int) -> list[dict[str, Any]]:
    # The client's own calls (3.8) send null for each filter that is not told, which is refused, and
    # make models of what comes, with the zones listed for each schedule.
    asked = {"limit": PAGE, "offset": start, "sort": "NAME_ASC"}
    found: list[dict[str, Any]] = client.request("POST", path, json=asked).json()
    return found


def _spec(flow: str, there: Mapping[str, Any]) -> DeploymentSpec:
    limit = there["global_concurrency_limit"]
    return DeploymentSpec(
        flow=flow,
        pipeline=there["name"],
        entrypoint=there["entrypoint"] or "",
        description=there["description"] or "",
        parameters=there["parameters"],
        schedule=_written_schedule(there),
        tags=tuple(there["tags"]),
        work_pool=there["work_pool_name"],
        concurrency=limit["limit"] if limit else None,
        schema=there["parameter_openapi_schema"] or {},
        overrides=tuple(sorted(there["job_variables"])),
    )


def _written_schedule(there: Mapping[str, Any]) -> str | None:
    for schedule in there["schedules"]:
        if schedule["slug"] == SLUG:
            times = schedule["schedule"]
            cron, zone = times.get("cron"), times.get("timezone") or "UTC"
            return str(cron) if zone == "UTC" and cron else f"{cron or times} {zone}"
    return None
