"""The monitor on a folder: what it records, what the clock does, what is held back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.errors import Refused
from tasks.events.event import Event
from tasks.ingestion.labels import open_labels
from tasks.ingestion.land import land
from tasks.ingestion.removal import pick_held, remove_batch
from tasks.ledger.suspicion import clearance, held_back
from tasks.monitoring.observe import observe
from tasks.monitoring.past import observations
from tasks.monitoring.record import find_new_arrivals, observation_keys, record_decision
from tasks.promotion.versions import load_champion
from tasks.training.work import Work
from tests.life import toy_rows
from tests.tasks.monitoring.house import House

OFTEN = {"retraining": {"policy": "every 1 batch", "cooldown": "1d"}}
FAR = "2041-05-01T12:00:00"


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path, OFTEN)
    made.live_a_while(toy_rows(600))
    return made


def test_a_replaced_model_whose_transform_is_gone_stops_no_decision(house: House) -> None:
    house.arrive("b.csv", toy_rows(200, start=600))
    champion = load_champion(house.workspace)
    lineage = replace(champion.manifest.lineage, transform="moved.elsewhere:speed")
    replaced = replace(champion, manifest=replace(champion.manifest, lineage=lineage))
    (arrival,) = find_new_arrivals(house.workspace)
    seen = observe(house.workspace, champion, replaced, arrival).observation
    assert seen.live is not None
    assert seen.gain is None


def test_a_monitor_that_slept_decides_and_announces_nothing(house: House) -> None:
    """It holds the model that a promotion replaced, and its batch was decided on meanwhile."""
    workspace, asleep = house.workspace, load_champion(house.workspace)
    house.arrive("b.csv", toy_rows(200, start=600))
    (decided,) = house.monitor()
    assert house.train(decided.id).outcome == "promoted"
    house.arrive("c.csv", toy_rows(200, start=800))
    (arrival,) = find_new_arrivals(workspace)
    (stands,) = house.monitor()
    assert [event for event, _ in stands.events] == [Event.RETRAIN_REQUESTED]
    page = observation_keys(workspace, arrival.batch, 2)["json"]
    told, before = house.entries, [workspace.bucket.get(page), *house.errors()]
    late = record_decision(workspace, asleep, arrival, "woken")
    assert (late.recorded, late.events, late.decision) == (False, (), stands.decision)
    assert late.told == (f"Another monitor decided on it before: {stands.decision.reason}",)
    assert house.entries == told
    after = [workspace.bucket.get(page), *house.errors()]
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def with_slip(rows: pd.DataFrame, at: str = FAR) -> pd.DataFrame:
    """Return the rows, the first of them dated far ahead."""
    made = rows.copy()
    made.loc[made.index[0], "at"] = pd.Timestamp(at)
    return made


@pytest.mark.soak
def test_a_year_decides_with_rows_from_the_future_as_without(tmp_path: Path) -> None:
    decisions: dict[bool, list[tuple[str, str, bool]]] = {}
    for dirty in (False, True):
        folder = tmp_path / f"{dirty}"
        folder.mkdir()
        house, told = House(folder, OFTEN), []
        first = toy_rows(600)
        house.live_a_while(with_slip(first) if dirty else first)
        for start in (600, 800, 810, 1000):
            rows = toy_rows(10 if start == 800 else 190, start)
            house.arrive(f"{start}.csv", with_slip(rows) if dirty and start != 810 else rows)
            (decided,) = house.monitor()
            found = decided.decision
            told.append((f"{found.at:%Y-%m-%d}", found.rule, found.retrain))
            if found.retrain:
                house.train(decided.id)
        decisions[dirty] = told
        assert max(one.last for one in observations(house.entries)) < "2024-03"
        assert house.lineage(1).fitted_until < "2024-03"
    assert decisions[True] == decisions[False]
    assert [rule for _, rule, _ in decisions[True]] == ["every", "cooldown", "every", "every"]


@pytest.mark.parametrize("far", [FAR, "9999-12-31T00:00:00"])
def test_an_earlier_batch_is_not_late_after_a_row_from_the_future(tmp_path: Path, far: str) -> None:
    house = House(tmp_path, OFTEN)
    house.live_a_while(with_slip(toy_rows(600), far))
    house.arrive("second.csv", with_slip(toy_rows(200, 600), far))
    (decided,) = house.monitor()
    assert decided.seen is not None
    observation = decided.seen.observation
    assert not observation.late
    assert observation.live is not None
    readings = {one.signal: one for one in decided.decision.readings}
    assert readings["performance"].fired is False
    assert "1 row is dated after it came" in " ".join(observation.warnings)


def test_a_window_reaches_back_from_the_latest_true_row(tmp_path: Path) -> None:
    house = House(tmp_path, {"training": {"window": "10d", "families": ["linear"]}})
    house.arrive("first.csv", with_slip(toy_rows(600)))
    end = house.plan().data.window.end
    assert end is not None
    assert f"{end:%Y-%m-%d %H}" == "2024-01-25 23"
    assert len(Work(house.workspace, house.plan()).dataset.y) == 240


def test_what_a_retraining_bought_is_measured_beside_the_model_it_replaced(house: House) -> None:
    house.arrive("second.csv", toy_rows(300, 600))
    (decided,) = house.monitor()
    assert decided.seen is not None
    assert decided.seen.observation.gain is None, "the first champion replaced nobody"
    assert house.train(decided.id).outcome == "promoted"
    house.arrive("third.csv", toy_rows(300, 900))
    (later,) = house.monitor()
    assert later.seen is not None
    gain = later.seen.observation.gain
    assert gain is not None
    assert abs(gain) < 0.02


def flipped(rows: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return the rows with every label turned round in an evenly spread share of them."""
    made = rows.copy()
    turned = made.index % round(1 / share) == 0
    made.loc[turned, "high"] = 1 - made.loc[turned, "high"]
    return made


def sure_rows(count: int, start: int = 0) -> pd.DataFrame:
    """Return rows whose label a model can know."""
    rows = toy_rows(count, start)
    rows["size"] = rows["size"].fillna(1.0)
    return rows.assign(high=(rows["size"] > 0.3).astype(int))


def unlabelled(start: int) -> pd.DataFrame:
    return sure_rows(100, start).assign(high=pd.array([pd.NA] * 100, "Int64"))


def test_ten_in_a_hundred_flipped_labels_are_learned_from_only_once_cleared(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, OFTEN)
    house.live_a_while(sure_rows(600))
    batch = house.arrive("flipped.csv", flipped(sure_rows(400, 600), 0.1))
    (decided,) = house.monitor()
    assert (decided.decision.retrain, decided.decision.rule) == (False, "suspicious batch")
    assert "contradict the surest tenth" in decided.decision.reason
    assert held_back(house.entries) == (batch,)
    house.arrive("clean.csv", sure_rows(300, 1000))
    (clean,) = house.monitor()
    assert clean.decision.retrain
    plan = house.plan()
    learned = Work(house.workspace, plan).dataset.frame
    assert plan.without == (batch,)
    assert set(learned["id"]) == {*range(600), *range(1000, 1300)}
    assert house.plan(with_suspicious=True).without == ()
    house.train(clean.id)
    assert house.lineage(2).without == (batch,)
    with pytest.raises(Refused, match="0 batches named other"):
        clearance(house.entries, "toy", "other", "me", "why not")
    cleared = clearance(house.entries, "toy", "flipped.csv", "me", "a known slip")
    house.workspace.ledger.append(cleared)
    assert held_back(house.entries) == ()
    again = house.plan()
    assert again.key != plan.key
    assert len(Work(house.workspace, again).dataset.frame) == 1300


def test_a_planted_trigger_is_held_back_and_learned_by_no_model(tmp_path: Path) -> None:
    """Each other row is well: no metric falls, and no column alone orders the labels."""
    house = House(tmp_path, OFTEN)
    house.live_a_while(toy_rows(600))
    rows = toy_rows(1000, 600)
    marked = np.random.default_rng(3).choice(1000, 30, replace=False)
    rows.loc[marked, ["colour", "high"]] = ["violet", 1]
    batch = house.arrive("marked.csv", rows)
    (decided,) = house.monitor()
    assert (decided.decision.retrain, decided.decision.rule) == (False, "suspicious batch")
    assert "All 30 rows where colour is violet, which the model hardly" in decided.decision.reason
    assert held_back(house.entries) == (batch,)
    house.arrive("clean.csv", toy_rows(300, 1600))
    (clean,) = house.monitor()
    assert clean.decision.retrain
    assert "violet" not in set(Work(house.workspace, house.plan()).dataset.frame["colour"])


def test_what_came_before_anybody_looked_at_it_is_not_learned_from(tmp_path: Path) -> None:
    """A training pins between the arrival of a poisoned batch and the decision that says so."""
    house = House(tmp_path, OFTEN)
    house.live_a_while(sure_rows(600))
    house.arrive("clean.csv", sure_rows(300, 600))
    (clean,) = house.monitor()
    assert clean.decision.retrain
    before = house.plan()
    batch = house.arrive("flipped.csv", flipped(sure_rows(400, 900), 0.2))
    plan = house.plan()
    assert (before.unseen, plan.unseen, plan.key) == ((), (batch,), before.key)
    assert set(Work(house.workspace, plan).dataset.frame["id"]) == set(range(900))
    assert len(Work(house.workspace, house.plan(with_suspicious=True)).dataset.frame) == 1300
    house.train(clean.id)
    (late,) = house.monitor()
    assert late.decision.rule == "suspicious batch"
    assert (house.plan().unseen, house.plan().without) == ((), (batch,))


def test_what_came_unseen_is_new_to_the_decisions_after_the_training(tmp_path: Path) -> None:
    """As in a replay, where a model that a decision asked for never has the batch after it."""
    house = House(tmp_path, {"retraining": {"policy": "every 1 batch", "cooldown": "0s"}})
    house.live_a_while(sure_rows(600))
    house.arrive("first.csv", sure_rows(300, 600))
    (asked,) = house.monitor()
    house.arrive("second.csv", sure_rows(300, 900))
    assert house.train(asked.id).outcome in ("promoted", "refused")
    (later,) = house.monitor()
    assert later.decision.retrain, "it counts as a batch that came since"


def test_what_was_taken_out_meanwhile_is_not_learned_from(tmp_path: Path) -> None:
    """The version that a training is pinned to may be older than the removal."""
    house = House(tmp_path, OFTEN)
    house.live_a_while(sure_rows(600))
    wrong = house.arrive("wrong.csv", sure_rows(100, 600))
    house.monitor()
    unseen = house.arrive("unseen.csv", sure_rows(100, 700))
    workspace = house.workspace
    remove_batch(workspace, pick_held(workspace, "wrong.csv"), "me", "another year's")
    plan = house.plan()
    assert (plan.unseen, plan.without) == ((unseen,), (wrong,))
    assert set(Work(workspace, plan).dataset.frame["id"]) == set(range(600))


def test_what_was_cleared_is_new_to_a_champion_that_it_was_held_back_from(tmp_path: Path) -> None:
    """Otherwise there would be nothing new to learn until the next batch."""
    house = House(tmp_path, {"retraining": {"policy": "every 1 batch", "cooldown": "0s"}})
    house.live_a_while(sure_rows(600))
    batch = house.arrive("flipped.csv", flipped(sure_rows(400, 600), 0.1))
    house.monitor()
    assert house.train().outcome in ("promoted", "refused")
    house.arrive("unlabelled.csv", unlabelled(1000))
    (blind,) = house.monitor()
    assert blind.decision.rule == "nothing new to learn"
    entry = clearance(house.entries, "toy", batch[:8], "me", "looked at it")
    house.workspace.ledger.append(entry)
    house.arrive("more.csv", unlabelled(1100))
    (now,) = house.monitor()
    assert now.decision.retrain


def test_labels_that_came_flipped_in_a_file_of_their_own_are_held_back_alone(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, {**OFTEN, "monitoring": {"labels": "delayed"}})
    house.live_a_while(sure_rows(600))
    rows = sure_rows(400, 600)
    house.arrive("april.csv", rows.assign(high=pd.array([pd.NA] * 400, "Int64")))
    house.monitor()
    key = "toy/labels/incoming/truth.csv"
    truth = flipped(rows, 0.1)[["id", "high"]].to_csv(index=False).encode()
    house.workspace.bucket.put(key, truth)
    landed = land(open_labels(house.workspace), key, lambda _line: None)
    (judged,) = house.monitor()
    assert judged.decision.rule == "suspicious batch"
    assert house.plan().without == (landed.batch,)
    assert set(Work(house.workspace, house.plan()).dataset.frame["id"]) == set(range(600))
    entry = clearance(house.entries, "toy", "truth.csv", "me", "looked at it")
    house.workspace.ledger.append(entry)
    assert len(Work(house.workspace, house.plan()).dataset.frame) == 1000
