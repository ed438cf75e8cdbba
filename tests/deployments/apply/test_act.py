"""Deployments brought in line on a real Prefect server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolUpdate
from prefect.client.schemas.sorting import DeploymentSort
from prefect.workers.process import ProcessWorker

from deployments.apply.act import apply, bring_in_line, parameter_schema
from deployments.apply.plan import TAG, DeploymentSpec
from deployments.prefect_api import open_client
from deployments.worker.kind import job_template, worker_type
from tasks.errors import ConfigurationError, OrchestrationError
from tasks.settings import Settings, pipelines_folder

pytestmark = pytest.mark.system
ENTRYPOINT = "tests.deployments.apply.greeting.greet"
GREET = DeploymentSpec(
    "greet",
    "planes",
    ENTRYPOINT,
    description="Says hello.",
    parameters={"pipeline": "planes"},
    schedule="0 6 1 * *",
    tags=(TAG, "planes"),
    concurrency=1,
    schema=parameter_schema(ENTRYPOINT),
)


@contextmanager
def deployed(settings: Settings, name: str) -> Iterator[tuple[SyncPrefectClient, Any]]:
    with open_client(settings) as client:
        yield client, client.read_deployment_by_name(name)


def test_twice_in_a_row_changes_nothing_the_second_time(settings: Settings) -> None:
    first = bring_in_line(settings, [GREET])
    with deployed(settings, GREET.name) as (_, before):
        second = bring_in_line(settings, [GREET])
    assert [spec.name for spec in first.create] == [GREET.name]
    assert second.empty, second.to_text()
    with deployed(settings, GREET.name) as (client, after):
        assert after.updated == before.updated
        assert client.read_work_pool("perennial").type == worker_type("")


def test_a_dry_run_changes_nothing(settings: Settings) -> None:
    plan = bring_in_line(settings, [GREET], dry_run=True)
    assert [spec.name for spec in plan.create] == [GREET.name]
    assert [spec.name for spec in bring_in_line(settings, [GREET], dry_run=True).create]


CHANGES: tuple[dict[str, Any], ...] = (
    {"description": "Says hello twice."},
    {"parameters": {"pipeline": "planes", "times": 2}},
    {"schedule": "30 7 * * 1"},
    {"schedule": None},
    {"schedule": "0 6 1 * *"},
    {"concurrency": None},
    {"concurrency": 1},
    {"tags": (TAG,)},
    {"entrypoint": "tests.deployments.apply.greeting.stumble"},
    {"schema": {"type": "object", "properties": {"pipeline": {"type": "string"}}}},
)


def test_each_field_that_changes_is_brought_in_line(settings: Settings) -> None:
    bring_in_line(settings, [GREET])
    spec = GREET
    for change in CHANGES:
        spec = replace(spec, **change)
        plan = bring_in_line(settings, [spec])
        assert [[*update.changes] for update in plan.update] == [[*change]]
        again = bring_in_line(settings, [spec], dry_run=True)
        assert again.empty, again.to_text()


def test_what_lets_a_run_bring_a_command_is_taken_back(settings: Settings) -> None:
    """A pool and a deployment of an older release, as Prefect's own templates make them."""
    bring_in_line(settings, [GREET])
    with deployed(settings, GREET.name) as (client, there):
        theirs = WorkPoolUpdate(base_job_template=ProcessWorker.get_default_base_job_template())
        client.update_work_pool("perennial", theirs)
        brings = {"command": "sh -c id", "env": {"A": "1"}}
        client.update_deployment(there.id, DeploymentUpdate(job_variables=brings))
    plan = bring_in_line(settings, [GREET])
    assert [update.changes for update in plan.update] == [
        {"overrides": "overrides command,env -> none"}
    ]
    with deployed(settings, GREET.name) as (client, there):
        assert there.job_variables == {}
        assert client.read_work_pool("perennial").base_job_template == job_template()
    assert bring_in_line(settings, [GREET]).empty


def test_what_is_gone_is_removed_and_what_is_not_ours_stays(settings: Settings) -> None:
    with open_client(settings) as client:
        flow = client.create_flow_from_name("greet")
        own = client.create_deployment(flow, "mine", entrypoint=ENTRYPOINT, tags=["mine"])
    bring_in_line(settings, [GREET])
    plan = bring_in_line(settings, [replace(GREET, pipeline="ships")])
    assert [each.spec.name for each in plan.remove] == ["greet/planes"]
    with open_client(settings) as client:
        names = {
            each.name for each in client.read_deployments(limit=9, sort=DeploymentSort.NAME_ASC)
        }
        assert names == {"mine", "ships"}
        client.delete_deployment(own)


def test_one_pipeline_is_brought_in_line_or_ended_and_the_others_stay(settings: Settings) -> None:
    boats = replace(GREET, pipeline="boats", parameters={"pipeline": "boats"})
    bring_in_line(settings, [GREET, boats])
    changed = [replace(boats, description="Says hello at sea.")]
    one = bring_in_line(settings, changed, only="boats")
    assert [update.spec.name for update in one.update] == ["greet/boats"]
    assert (one.create, one.remove) == ((), ())
    ended = bring_in_line(settings, [], only="boats")
    assert [gone.spec.name for gone in ended.remove] == ["greet/boats"]
    left = bring_in_line(settings, [GREET], dry_run=True)
    assert left.unchanged == (GREET.name,)
    assert left.empty


def test_someone_elses_deployment_of_that_name_is_not_taken_over(settings: Settings) -> None:
    with open_client(settings) as client:
        flow = client.create_flow_from_name("greet")
        own = client.create_deployment(flow, "planes", entrypoint="mine.py:greet")
    with pytest.raises(OrchestrationError, match="without the tag perennial"):
        bring_in_line(settings, [GREET])
    with open_client(settings) as client:
        assert client.read_deployment(own).entrypoint == "mine.py:greet"
        client.delete_deployment(own)


def test_what_a_person_paused_stays_paused(settings: Settings) -> None:
    bring_in_line(settings, [GREET])
    with deployed(settings, GREET.name) as (client, there):
        client.pause_deployment(there.id)
        client.update_deployment_schedule(there.id, there.schedules[0].id, active=False)
    assert bring_in_line(settings, [GREET]).empty
    bring_in_line(settings, [replace(GREET, schedule="30 7 * * 1", description="New.")])
    with deployed(settings, GREET.name) as (_, there):
        assert there.paused
        assert [each.active for each in there.schedules] == [False]
        assert there.schedules[0].schedule.cron == "30 7 * * 1"


def test_a_schedule_that_is_no_cron_line_changes_nothing(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="is a cron line; got every morning"):
        bring_in_line(settings, [GREET, replace(GREET, pipeline="b", schedule="every morning")])
    assert bring_in_line(settings, []).empty


def test_an_unreachable_server_is_told_in_one_line() -> None:
    nowhere = Settings("http://x", "a", "b", "c", prefect_url="http://127.0.0.1:9/api")
    with pytest.raises(
        OrchestrationError, match=r"the server answers at http://127\.0\.0\.1:9/api"
    ):
        bring_in_line(nowhere, [GREET])


def test_a_server_that_hangs_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        with pytest.raises(OrchestrationError, match="the server answers"):
            bring_in_line(Settings("http://x", "a", "b", "c", prefect_url=url), [GREET])


def test_the_schema_is_the_flows_signature() -> None:
    schema = parameter_schema(ENTRYPOINT)
    assert schema["required"] == ["pipeline"]
    assert schema["properties"]["times"]["default"] == 1


def test_a_flow_that_cannot_be_imported_is_named() -> None:
    with pytest.raises(
        ConfigurationError, match=r"flows\.nothing\.train: the flow can be imported"
    ):
        parameter_schema("flows.nothing.train")


def test_no_folder_of_pipelines_removes_nothing(settings: Settings, tmp_path: Path) -> None:
    bring_in_line(settings, [GREET])
    with pytest.raises(ConfigurationError, match="is a folder"):
        apply(settings, tmp_path / "typo")
    assert bring_in_line(settings, [GREET]).empty


def test_the_pipelines_of_the_repository_are_deployed(settings: Settings) -> None:
    shared = [
        f"{flow}/all" for flow in ("backtest", "ingest", "label", "score", "reconcile", "maintain")
    ]
    first = apply(settings, pipelines_folder())
    assert [spec.name for spec in first.create] == ["monitor/flights", "train/flights", *shared]
    assert [spec.schedule for spec in first.create if spec.schedule] == [
        "0 6 1 * *",
        "* * * * *",
        "23 3 * * *",
    ]
    assert set(first.automations["create"]) == {
        "perennial: ingest",
        "perennial: monitor",
        "perennial: train",
        "perennial: runs that died",
    }
    second = apply(settings, pipelines_folder())
    assert second.empty, second.to_text()
    with deployed(settings, "train/flights") as (_, there):
        assert there.entrypoint == "flows.training.train"
        assert there.global_concurrency_limit.limit == 1
        assert there.parameter_openapi_schema["required"] == ["pipeline"]
        assert there.enforce_parameter_schema


def test_a_broken_pipeline_file_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    bring_in_line(settings, [GREET])
    (tmp_path / "broken.yaml").write_text("name: [", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="the file is YAML"):
        apply(settings, tmp_path)
    assert bring_in_line(settings, [GREET]).empty
