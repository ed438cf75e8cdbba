from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.monitoring.arrivals import find_unanswered
from tasks.monitoring.record import observation_keys
from tests.flows.conftest import TOY, Bench, toy_rows
from tests.flows.running import run_flow

pytestmark = pytest.mark.system
INGEST, TRAIN, MONITOR = (
    "flows.ingestion:ingest",
    "flows.training:train",
    "flows.monitoring:monitor",
)
POLICY = "\nretraining: {policy: new_rows 50%, challengers: [refitted, recent 10d, warm]}\n"


def entries(bench: Bench, kind: str) -> list[dict]:
    return [dict(one.figures) for one in bench.workspace.ledger.entries(kind)]


@pytest.fixture
def watched(bench: Bench, kept: dict[str, bytes]) -> Bench:
    """A pipeline whose first champion was asked for by the first batch; each test finds it so."""
    made = replace(bench, name="watched")
    made.rewrite(TOY + POLICY)
    if kept:
        made.put_back(kept)
        return made
    made.drop("a.csv", toy_rows(600))
    made.run(INGEST)
    (first,) = made.run(MONITOR)["decisions"]
    assert (first["decision"]["retrain"], first["decision"]["rule"]) == (True, "no champion")
    # one that dies before its promotion is finished by the next
    made.die(TRAIN, "promote.pointer.before", decision=first["id"])
    assert [entry.id for entry in find_unanswered(made.workspace.ledger.entries())] == [first["id"]]
    assert made.run(TRAIN, decision=first["id"])["outcome"] == "promoted"
    assert find_unanswered(made.workspace.ledger.entries()) == ()
    kept.update(made.objects())
    return made


def test_each_batch_leads_to_one_decision_and_a_yes_to_challengers_with_their_cost(
    watched: Bench,
) -> None:
    watched.drop("b.csv", toy_rows(200, start=600))
    watched.run(INGEST)
    (second,) = watched.run(MONITOR)["decisions"]
    assert second["decision"]["rule"] == "nothing fired"
    seen = second["observation"]
    assert seen["live"]["low"] < seen["live"]["value"] < seen["live"]["high"]
    assert (seen["rows"], seen["labelled"], seen["live"]["coverage"]) == (200, 200, 1.0)
    assert abs(seen["estimated"]["value"] - seen["live"]["value"]) < 0.1
    assert seen["drift"]["share"] == 0
    assert watched.run(MONITOR)["decisions"] == []
    watched.drop("c.csv", toy_rows(200, start=800))
    watched.run(INGEST)
    (third,) = watched.run(MONITOR)["decisions"]
    assert (third["decision"]["retrain"], third["decision"]["rule"]) == (True, "new_rows")
    done = watched.run(TRAIN, decision=third["id"], cause="new_rows")
    assert [one["challenger"] for one in done["challengers"]] == ["refitted", "recent 10d"]
    assert sum(one["chosen"] for one in done["challengers"]) == 1
    assert all(one["cost"]["cpu_seconds"] > 0 for one in done["challengers"])
    assert "CPU-seconds" in done["price"]
    (_, verdict) = entries(watched, "verdict")
    assert verdict["decision"] == third["id"]
    told = watched.workspace.ledger.entries()
    assert find_unanswered(told) == ()
    again = watched.run(TRAIN, decision=third["id"], cause="the same event once more")
    assert (again["outcome"], again["summary"]) == (
        "answered",
        f"{third['id']} was answered before: version 2 passed the gate",
    )
    made_up = {"pipeline": watched.name, "decision": "as I say"}
    assert run_flow(TRAIN, watched.environment, made_up, watched.folder) == (1, None)
    assert watched.workspace.ledger.entries() == told


def test_missing_values_are_drift_and_the_page_shows_them(watched: Bench) -> None:
    rows = toy_rows(300, start=600)
    rows.loc[rows.index % 4 != 0, "size"] = np.nan
    watched.drop("holes.csv", rows)
    watched.run(INGEST)
    (found,) = watched.run(MONITOR)["decisions"]
    drift = found["observation"]["drift"]
    (worst,) = [one for one in drift["columns"] if one["drifted"]]
    assert worst["name"] == "size"
    assert worst["missing"][1] == pytest.approx(0.75, abs=0.05)
    assert drift["drifted"]
    at = observation_keys(watched.workspace, found["batch"], 1)
    page = watched.bucket.get(at["html"]).decode()
    assert "size" in page
    assert watched.bucket.head(at["json"]) is not None


@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.soak)])
def test_dying_around_the_decision_leaves_one(watched: Bench, when: str) -> None:
    watched.drop("b.csv", toy_rows(200, start=600))
    watched.run(INGEST)
    watched.die(MONITOR, f"monitor.decision.{when}")
    left = watched.run(MONITOR)["decisions"]
    assert len(left) == (1 if when == "before" else 0)
    assert len(entries(watched, "decision")) == 2


def test_labels_that_come_later_are_judged_with_their_coverage(watched: Bench) -> None:
    watched.rewrite(TOY + POLICY + "monitoring: {labels: delayed}\n")
    rows = toy_rows(200, start=600)
    watched.drop("b.csv", rows.assign(high=None))
    watched.run(INGEST)
    (blind,) = watched.run(MONITOR)["decisions"]
    assert blind["observation"]["live"] is None
    assert blind["observation"]["estimated"]["value"] > 0.7
    readings = {one["signal"]: one for one in blind["decision"]["readings"]}
    assert readings["performance"]["fired"] is None
    key = f"{watched.name}/labels/incoming/truth.csv"
    watched.bucket.put(key, rows[["id", "high"]].iloc[::2].to_csv(index=False).encode())
    watched.run("flows.labelling:label")
    (judged,) = watched.run(MONITOR)["decisions"]
    live = judged["observation"]["live"]
    assert (live["rows"], live["labelled"]) == (199, 100)
    assert live["low"] < live["value"] < live["high"]
    assert watched.run(MONITOR)["decisions"] == []
