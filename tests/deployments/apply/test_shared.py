"""What pipelines share on a real server: who is run, for whom, and who an `apply` is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.apply.act import bring_in_line
from deployments.apply.automations import automations, whom
from deployments.apply.plan import DeploymentSpec, plan_deployments
from deployments.prefect_api import open_client
from flows.backtesting import backtest
from flows.ingestion import ingest
from flows.labelling import label
from flows.scoring import score
from tasks.config import Pipeline
from tasks.events.event import Event, document
from tasks.events.task import announce, tag_run
from tasks.reconciliation.deployed import SHARED
from tasks.reconciliation.task import is_active, read_deployment
from tasks.settings import Settings
from tests.servers import poll

pytestmark = pytest.mark.system
EACH = ("ingest", "monitor", "train")
BOATS, PLANES = (
    Pipeline(name=name, task="binary", target="late", event_time="at")
    for name in ("boats", "planes")
)


def runs(client: SyncPrefectClient) -> list[dict[str, Any]]:
    """Return the runs that no schedule made."""
    found = client.request("POST", "/flow_runs/filter", json={"sort": "ID_DESC"}).json()
    return [run for run in found if not run["auto_scheduled"]]


def matched(client: SyncPrefectClient) -> Mapping[str, tuple[str, ...]]:
    """Return the pipelines that each automation starts something for, by its name."""
    every = client.request("POST", "/automations/filter", json={"sort": "NAME_ASC"}).json()
    return {
        found["name"].removeprefix("perennial: "): whom(found["trigger"]["match"])
        for found in every
        if "source" in found["actions"][0]
    }


def bring(settings: Settings, *pipelines: Pipeline, only: str | None = None) -> Any:
    specs = plan_deployments(pipelines)
    return bring_in_line(settings, specs, automations(pipelines), only=only)


def test_an_event_runs_what_is_shared_for_its_pipeline_or_the_pipelines_own(
    settings: Settings,
) -> None:
    bring(settings, BOATS, PLANES)
    arrived = document(Event.OBJECT_ARRIVED, "boats", {}, datetime.now(UTC), uuid4())
    stranger = document(Event.OBJECT_ARRIVED, "trains", {}, datetime.now(UTC), uuid4())
    with (
        open_client(settings) as client,
        temporary_settings({PREFECT_API_URL: settings.prefect_url}),
    ):
        client.request("POST", "/events", json=[stranger, arrived])
        assert announce.fn(Event.BATCH_ACCEPTED, "planes", {"batches": ["a"]})
        asked = {"decision": "d1", "cause": "the policy"}
        assert announce.fn(Event.RETRAIN_REQUESTED, "boats", asked)
        poll(lambda: len(runs(client)) >= 3, 60, "three runs")
        ids = {client.read_deployment_by_name(name).id: name
               for name in ("ingest/all", "monitor/planes", "train/boats")}  # fmt: skip
        started = {ids[UUID(run["deployment_id"])]: run for run in runs(client)}
        assert {name: run["parameters"] for name, run in started.items()} == {
            "ingest/all": {"pipeline": "boats", "cause": "arrival"},
            "monitor/planes": {"pipeline": "planes", "cause": "new batch"},
            "train/boats": {"pipeline": "boats", **asked},
        }
        assert len(runs(client)) == 3
        # An event cannot tag the run that it starts; the run does it when it begins.
        assert is_active(client, "ingest", "boats")
        assert not is_active(client, "ingest", "planes")
        run = client.read_flow_run(started["ingest/all"]["id"])
        assert run.tags == ["perennial"]
        tag_run(ingest, run, run.state)
        tagged = client.read_flow_run(run.id)
        assert sorted(tagged.tags) == ["boats", "perennial"]
        assert sorted(started["train/boats"]["tags"]) == ["boats", "perennial"]


def test_one_pipeline_joins_and_leaves_what_is_shared_and_the_others_stay(
    settings: Settings,
) -> None:
    bring(settings, BOATS)
    joined = bring(settings, PLANES, only="planes")
    assert [spec.name for spec in joined.create] == ["monitor/planes", "train/planes"]
    with open_client(settings) as client:
        assert matched(client) == dict.fromkeys(EACH, ("boats", "planes"))
        assert bring(settings, BOATS, PLANES).empty
        left = bring(settings, only="planes")
        assert [there.spec.name for there in left.remove] == ["monitor/planes", "train/planes"]
        assert matched(client) == dict.fromkeys(EACH, ("boats",))
        bring(settings, only="boats")
        assert matched(client) == {}
        # Everyone's stay: the next pipeline finds them.
        assert bring(settings, BOATS).unchanged == (
            *(
                "backtest/all",
                "ingest/all",
                "label/all",
                "score/all",
                "reconcile/all",
                "maintain/all",
            ),
        )


def test_what_an_earlier_version_made_runs_until_the_next_apply_and_goes_with_it(
    settings: Settings,
) -> None:
    before = DeploymentSpec(
        "ingest", "boats", "flows.ingestion.ingest", parameters={"pipeline": "boats"}
    )
    bring_in_line(settings, [before, replace(before, flow="score")])
    with open_client(settings) as client:
        there = read_deployment(client, "ingest", "boats")
        assert there.name == "boats"
        run = client.create_flow_run_from_deployment(there.id)
        assert is_active(client, "ingest", "boats")
        client.request("DELETE", f"/flow_runs/{run.id}")
    after = bring(settings, BOATS)
    assert [gone.spec.name for gone in after.remove] == ["ingest/boats", "score/boats"]
    assert bring(settings, BOATS).empty


def test_each_flow_that_is_shared_tags_its_runs() -> None:
    assert {flow.name for flow in (backtest, ingest, label, score)} == {*SHARED}
    for flow in (backtest, ingest, label, score):
        assert flow.on_running_hooks == [tag_run]
