"""Which deployments there should be, and what differs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.apply.automations import STARTS, automations
from deployments.apply.plan import (
    DeploymentSpec,
    Plan,
    Present,
    compare_deployments,
    plan_deployments,
)
from tasks.config import Pipeline
from tasks.reconciliation.deployed import SHARED

FLIGHTS = Pipeline(
    name="flights",
    description="Late?",
    task="binary",
    target="late",
    event_time="at",
    retraining={"schedule": "0 6 1 * *"},
)
TRAIN = next(spec for spec in plan_deployments([FLIGHTS]) if spec.flow == "train")

specs = st.builds(
    DeploymentSpec,
    flow=st.sampled_from(["ingest", "train", "score"]),
    pipeline=st.sampled_from(["a", "b", "c"]),
    entrypoint=st.sampled_from(["flows.a.a", "flows.b.b"]),
    description=st.text(max_size=3),
    schedule=st.none() | st.sampled_from(["0 6 1 * *", "*/5 * * * *"]),
    concurrency=st.none() | st.just(1),
)
deployments = st.lists(specs, unique_by=lambda spec: spec.name)


def carried_out(plan: Plan, present: list[Present]) -> list[Present]:
    gone = {each.id for each in plan.remove}
    changed = {each.present.id: each.spec for each in plan.update}
    kept = [
        Present(each.id, changed.get(each.id, each.spec)) for each in present if each.id not in gone
    ]
    return kept + [Present(f"new {spec.name}", spec) for spec in plan.create]


@given(deployments, deployments)
def test_once_carried_out_nothing_differs(
    wanted: list[DeploymentSpec], there: list[DeploymentSpec]
) -> None:
    present = [Present(str(number), spec) for number, spec in enumerate(there)]
    plan = compare_deployments(wanted, present)
    after = carried_out(plan, present)
    again = compare_deployments(wanted, after)
    assert again.empty
    assert set(again.unchanged) == {spec.name for spec in wanted}
    named = [
        *(spec.name for spec in plan.create),
        *(each.spec.name for each in plan.update),
        *plan.unchanged,
    ]
    assert sorted(named) == sorted(spec.name for spec in wanted)


def test_a_pipeline_has_what_is_limited_or_scheduled_and_shares_the_rest() -> None:
    specs = {spec.name: spec for spec in plan_deployments([FLIGHTS])}
    assert [*specs] == [
        "monitor/flights",
        "train/flights",
        "backtest/all",
        "ingest/all",
        "label/all",
        "score/all",
        "reconcile/all",
        "maintain/all",
    ]
    assert {specs[name].concurrency for name in ("monitor/flights", "train/flights")} == {1}
    assert (specs["ingest/all"].parameters, specs["ingest/all"].concurrency) == ({}, None)


def test_a_hundred_pipelines_add_two_deployments_each_and_no_automation() -> None:
    many = [FLIGHTS.model_copy(update={"name": f"shop-{n}"}) for n in range(100)]
    assert len(plan_deployments(many)) == 2 * 100 + 6
    assert len(automations(many)) == len(automations([FLIGHTS]))


def test_what_an_event_starts_is_shared_or_named_by_the_event() -> None:
    delayed = {**FLIGHTS.model_dump(mode="json"), "monitoring": {"labels": "delayed"}, "key": ["k"]}
    starts = [a for a in automations([Pipeline.model_validate(delayed)]) if "source" in a.action]
    assert len(starts) == len(STARTS)
    for what, automation in zip(STARTS, starts, strict=True):
        (event, _), flow = STARTS[what], what.partition(" ")[0]
        shared = automation.action["source"] == "selected"
        assert shared == (flow in SHARED)
        assert event.wakes == ("" if shared else flow)


def test_training_follows_the_pipelines_schedule_one_at_a_time() -> None:
    assert TRAIN.schedule == "0 6 1 * *"
    assert TRAIN.concurrency == 1
    assert TRAIN.parameters == {"pipeline": "flights"}
    assert TRAIN.entrypoint == "flows.training.train"


def test_without_a_schedule_training_waits_to_be_asked() -> None:
    idle = FLIGHTS.model_copy(update={"retraining": type(FLIGHTS.retraining)()})
    train = next(spec for spec in plan_deployments([idle]) if spec.flow == "train")
    assert train.schedule is None


def test_a_renamed_pipeline_removes_the_old_deployments() -> None:
    there = [Present(spec.name, spec) for spec in plan_deployments([FLIGHTS])]
    plan = compare_deployments(
        plan_deployments([FLIGHTS.model_copy(update={"name": "planes"})]), there
    )
    ours = [each.id for each in there if each.spec.pipeline == "flights"]
    assert [each.spec.name for each in plan.remove] == ours
    assert [spec.pipeline for spec in plan.create] == ["planes"] * len(ours)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schedule": None}, "schedule none -> 0 6 1 * *"),
        ({"concurrency": None}, "concurrency none -> 1"),
        ({"entrypoint": "train.py:train"}, "entrypoint train.py:train -> flows.training.train"),
        ({"work_pool": "other"}, "work_pool other -> perennial"),
        ({"tags": ("perennial", "x")}, "tags perennial,x -> perennial,flights"),
        ({"description": "old"}, "description"),
        ({"schema": {"type": "object"}}, "schema"),
        ({"overrides": ("command",)}, "overrides command -> none"),
        ({"parameters": {}}, "parameters {} -> {'pipeline': 'flights'}"),
    ],
)
def test_each_field_is_compared_and_said(change: dict[str, object], said: str) -> None:
    plan = compare_deployments([TRAIN], [Present("1", replace(TRAIN, **change))])
    assert plan.to_text() == f"~ train/flights  {said}"
    assert plan.to_dict()["update"] == [{"name": "train/flights", "changes": [said]}]


def test_the_order_of_tags_does_not_matter() -> None:
    there = replace(TRAIN, tags=tuple(reversed(TRAIN.tags)))
    assert compare_deployments([TRAIN], [Present("1", there)]).empty


def test_a_pipeline_that_collects_has_a_deployment_with_its_schedule() -> None:
    section = {"kind": "http", "url": "https://a.example/v1", "schedule": "15 * * * *"}
    collecting = FLIGHTS.model_validate(
        {**FLIGHTS.model_dump(mode="json"), "source": {"collect": section}}
    )
    before, after = (
        {spec.name: spec for spec in plan_deployments([p])} for p in (FLIGHTS, collecting)
    )
    assert after.keys() - before.keys() == {"collect/flights"}
    spec = after["collect/flights"]
    assert (spec.schedule, spec.concurrency) == ("15 * * * *", 1)
    assert spec.entrypoint == "flows.collecting.collect"
