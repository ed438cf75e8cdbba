"""A training asks whether the decision it names still waits for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.data.reference import DatasetRef, Window
from tasks.errors import ENCOUNTERED, Refused
from tasks.ledger.entry import Entry
from tasks.monitoring.answers import record_failure
from tasks.monitoring.arrivals import Arrival, find_unanswered
from tasks.training.open_decision import find_answer, find_covered
from tasks.training.plan import TrainingPlan
from tests import life
from tests.tasks.monitoring.house import House

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def entry(kind: str, name: str, **figures: Any) -> Entry:
    return Entry(name, NOON, "toy", kind, 1, "test", f"{name} happened", figures)


YES = entry("decision", "decision-a", decision={"retrain": True})
NO = entry("decision", "decision-b", decision={"retrain": False})


def test_a_yes_that_waits_is_open_and_one_that_was_answered_says_how() -> None:
    assert find_answer([YES, NO], "decision-a", "toy") is None
    answer = entry("verdict", "verdict-1", decision="decision-a", next="refused")
    told = find_answer([YES, NO, answer], "decision-a", "toy")
    assert told == "decision-a was answered before: verdict-1 happened"


@pytest.mark.parametrize(
    ("named", "came"),
    [
        ("decision-b", "which says no"),
        ("decision-c", "which the ledger does not have"),
        ("verdict-1", "which the ledger does not have"),
    ],
)
def test_what_asks_for_nothing_trains_nothing(named: str, came: str) -> None:
    entries = [YES, NO, entry("verdict", "verdict-1", decision="decision-a", next="refused")]
    with pytest.raises(Refused, match=came):
        find_answer(entries, named, "toy")


def test_what_a_person_trains_answers_the_decision_whose_runs_all_died(tmp_path: Path) -> None:
    """While it is open nothing else is decided, and nobody starts its training any more."""
    house = House(tmp_path)
    house.arrive("a.csv", life.toy_rows(1500))
    (first,) = house.monitor()
    assert [entry.id for entry in find_unanswered(house.entries)] == [first.id]
    assert house.train().outcome == "promoted"
    assert find_unanswered(house.entries) == ()


def test_what_came_after_the_rows_of_a_training_is_not_answered_by_it() -> None:
    arrived = [Arrival(name, number, name, 9, NOON) for number, name in enumerate("abc")]
    arrived.append(Arrival("d", 0, "d", 9, NOON, labels=True))
    entries = [
        entry("decision", f"decision-{name}", decision={"retrain": True})
        for name in ("a", "b", "c", "labels-d")
    ]
    plan = TrainingPlan(DatasetRef("toy", 1, Window()), "", "", "", 7)
    assert find_covered(entries, arrived, plan) == ("decision-a", "decision-b")
    assert find_covered(entries, arrived, replace(plan, labels=0))[2:] == ("decision-labels-d",)


def test_a_training_that_failed_answers_its_decision_unless_a_server_was_away(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    house.arrive("a.csv", life.toy_rows(1500))
    (first,) = house.monitor()
    record_failure(house.workspace, first.id, f"{ENCOUNTERED}StoreUnavailable: it answers")
    record_failure(house.workspace, "as I say", f"{ENCOUNTERED}DataError: no rows")
    assert [entry.id for entry in find_unanswered(house.entries)] == [first.id]
    for why in ("DataError: no\nrows", "DataError: a second failure"):
        record_failure(house.workspace, first.id, f"{ENCOUNTERED}{why}")
    assert find_unanswered(house.entries) == ()
    told = [entry.summary for entry in house.entries if entry.kind == "answer"]
    assert told == ["the training failed: DataError: no rows"]
