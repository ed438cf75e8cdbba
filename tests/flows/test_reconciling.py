"""What an event lost is found in the bucket, and a hand-moved alias is honoured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Crashed

from deployments.apply.act import bring_in_line
from deployments.apply.plan import plan_deployments
from deployments.prefect_api import open_client
from tasks.promotion import pointer
from tasks.promotion.trials import standing
from tasks.reconciliation.standing import read_standing
from tasks.tracking.registry import read_aliases, set_alias
from tests.flows.conftest import TOY, Bench, toy_rows
from tests.flows.running import completed
from tests.orchestration import Orchestrator, running_prefect
from tests.servers import poll

pytestmark = pytest.mark.system
RECONCILE = "flows.reconciling:reconcile"


@pytest.fixture(scope="module")
def orchestrator(short_home: Path) -> Iterator[Orchestrator]:
    """Yield a Prefect server of these tests' own: they look at every run of it."""
    with running_prefect(short_home / "reconciling") as server:
        yield server


def reconciled(bench: Bench) -> dict[str, list]:
    found = completed(RECONCILE, bench.environment, bench.folder, grace=0.0, patience=0.0)
    ours = [one["flow"] for one in found["started"] if one["pipeline"] == bench.name]
    return {"started": ours, "told": found["told"]}


def find_started(client: SyncPrefectClient) -> list[str]:
    """Return the runs that the reconciler started, and nothing carries out."""
    found = client.request("POST", "/flow_runs/filter", json={"limit": 200}).json()
    return [run["id"] for run in found if run["state_type"] == "SCHEDULED"]


def cancel(bench: Bench) -> None:
    """End what the reconciler started; the test runs the flows itself, as a worker would."""
    with open_client(bench.settings) as client:
        for run in find_started(client):
            client.request("DELETE", f"/flow_runs/{run}")


@pytest.mark.soak
def test_every_lost_event_is_made_up_for(bench: Bench) -> None:
    bench.rewrite(TOY)
    bring_in_line(bench.settings, plan_deployments([bench.pipeline]))
    bench.drop("a.csv", toy_rows(400))
    for flow in ("ingestion:ingest", "monitoring:monitor", "training:train"):
        wanted = flow.partition(":")[2]
        assert reconciled(bench)["started"] == [wanted]
        assert reconciled(bench)["started"] == [], "it is on its way"
        cancel(bench)
        decisions = bench.workspace.ledger.entries("decision")
        asked = {"decision": decisions[0].id} if wanted == "train" else {}
        bench.run(f"flows.{flow}", **asked)
    assert reconciled(bench) == {"started": [], "told": []}
    champion, _ = pointer.read(bench.workspace) or pytest.fail("no champion")
    assert champion.version == 1


def crash(bench: Bench, message: str = "killed") -> None:
    """Let what the reconciler started die without a word."""
    with open_client(bench.settings) as client:
        for run in find_started(client):
            client.set_flow_run_state(UUID(run), Crashed(message=message), force=True)


def test_a_run_that_dies_each_time_is_started_three_times_and_status_says_so(
    bench: Bench,
) -> None:
    bench.rewrite(TOY)
    bring_in_line(bench.settings, plan_deployments([bench.pipeline]))
    key = bench.drop("a.csv", toy_rows(20))
    for _ in range(3):
        assert reconciled(bench)["started"] == ["ingest"]
        assert read_standing(bench.workspace).given_up == ()
        crash(bench)
    assert reconciled(bench)["started"] == []
    *_, told = read_standing(bench.workspace).waits
    assert told.startswith(f"a person: ingest was started 3 times for {key} of ")
    assert told.endswith("in vain; last, the run ended CRASHED, killed")
    assert reconciled(bench)["started"] == [], "and not in the next minute"
    bench.rewrite(TOY.replace("min_rows: 50", "min_rows: 60"))
    assert reconciled(bench)["started"] == ["ingest"], "a person changed the file"
    crash(bench)
    bench.drop("b.csv", toy_rows(1500, start=20))
    bench.run("flows.ingestion:ingest")
    bench.run("flows.monitoring:monitor")
    for _ in range(3):
        assert reconciled(bench)["started"] == ["train"]
        assert read_standing(bench.workspace).given_up == ()
        crash(bench, "Flow run infrastructure exited with non-zero status code: -9.")
    assert reconciled(bench)["started"] == [], "its decision is closed as failed"
    (answer,) = bench.workspace.ledger.entries("answer")
    assert answer.summary.endswith("the run was killed, as the system does where memory runs out")
    told = read_standing(bench.workspace).waits
    assert told[-1] == f"a person: {answer.summary}"
    with open_client(bench.settings) as client:
        asked = {"filter": {"event": {"name": ["perennial.training.failed"]}}}
        poll(
            lambda: client.request("POST", "/events/filter", json=asked).json()["events"], 30, "it"
        )
    assert reconciled(bench)["started"] == []
    assert read_standing(bench.workspace).given_up == ()


def test_a_broken_pipeline_stops_none_of_those_behind_it(bench: Bench) -> None:
    bench.rewrite(TOY)
    bring_in_line(bench.settings, plan_deployments([bench.pipeline]))
    bench.drop("a.csv", toy_rows(20))
    pipelines = bench.settings.pipelines
    invalid, unreadable = pipelines / "a-invalid.yaml", pipelines / "a-unreadable.yaml"
    bench.bucket.put(f"a-unreadable/ledger/_delta_log/{0:020}.json", b"{")
    try:
        invalid.write_text("name: a-invalid\ntask: divination\n")
        unreadable.write_text(TOY.replace("name: toy", "name: a-unreadable"))
        outcome = completed(RECONCILE, bench.environment, bench.folder, grace=0.0)
    finally:
        invalid.unlink()
        unreadable.unlink()
    ours = [run["flow"] for run in outcome["started"] if run["pipeline"] == bench.name]
    assert ours == ["ingest"]
    failed = {(told["pipeline"], told["step"]) for told in outcome["failed"]}
    assert {("a-invalid", "look"), ("a-invalid", "honour_alias")} <= failed
    assert ("a-unreadable", "look") in failed
    assert not [told for told in outcome["failed"] if told["pipeline"] == bench.name]
    cancel(bench)


def test_an_alias_moved_in_mlflow_is_a_promotion_and_one_that_fell_behind_is_mended(
    bench: Bench,
) -> None:
    bench.rewrite(TOY)
    bring_in_line(bench.settings, plan_deployments([bench.pipeline]))
    bench.drop("a.csv", toy_rows(400))
    bench.run("flows.ingestion:ingest")
    bench.run("flows.training:train")
    manual = TOY.replace("latency_p99: 50ms", "latency_p99: 50ms, approval: manual")
    bench.rewrite(manual + "\nserving: {challenger: shadow}\n")
    waiting = bench.run("flows.training:train")
    assert (waiting["outcome"], waiting["version"]) == ("awaiting approval", 2)
    trial = standing(bench.workspace)
    assert trial is not None
    assert (trial.version, trial.mode, trial.by) == (2, "shadow", "train")
    assert read_aliases(bench.tracking, bench.name) == {"champion": 1, "challenger": 2}
    # gate.approval is manual: the alias alone puts nothing in service, and is moved back
    set_alias(bench.tracking, bench.name, "champion", 2)
    (told,) = reconciled(bench)["told"]
    assert f"Approve it by `perennial promote {bench.name} 2`" in told
    assert read_aliases(bench.tracking, bench.name) == {"champion": 1, "challenger": 2}
    assert reconciled(bench)["told"] == []
    bench.rewrite(TOY)
    set_alias(bench.tracking, bench.name, "champion", 2)
    said = reconciled(bench)["told"]
    assert any("version 2 is in service" in one for one in said)
    champion, _ = pointer.read(bench.workspace) or pytest.fail("no champion")
    assert (champion.version, champion.by) == (2, "owner, by MLflow's API")
    assert standing(bench.workspace) is None
    assert reconciled(bench)["told"] == []
