"""A training that a deployment's schedule starts, carried out in this process."""

from __future__ import annotations

from typing import Any

from prefect import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.flow_engine import run_flow
from prefect.states import Pending

from flows.training import train

WAITING = FlowRunFilterStateName(any_=["Scheduled"])


def carry_out(pipeline: str) -> dict[str, Any]:
    """Return the run's outcome, and the name it has in the end."""
    monthly = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 6 1 * *"))
    with get_client(sync_client=True) as client:
        flow = client.create_flow(train)
        asked = {"pipeline": pipeline}
        there = client.create_deployment(flow, pipeline, schedules=[monthly], parameters=asked)
        # what the server's scheduler does by itself, within a minute
        client.request("POST", "/deployments/{id}/schedule", path_params={"id": str(there)})
        run, *_ = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[there])),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(name=WAITING)),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=10,
        )
        assert run.auto_scheduled
        client.set_flow_run_state(run.id, Pending(), force=True)  # now, and not in a month
        run = client.read_flow_run(run.id)
        outcome = run_flow(train, flow_run=run, parameters=run.parameters)
        return {**outcome, "name": client.read_flow_run(run.id).name}
