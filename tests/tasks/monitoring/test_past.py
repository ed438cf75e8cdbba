"""The past as the ledger tells it: what counts, what it was called, what old ledgers hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.ledger.entry import Entry
from tasks.monitoring.arrivals import Arrival
from tasks.monitoring.observation import Observation
from tasks.monitoring.past import ChampionLineage, recorded_past
from tasks.policy.past import GateGain, Past, situation
from tests.tasks.policy.scenes import figure

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CHAMPION = ChampionLineage(2, 1, 1000, datetime(2026, 4, 1), figure(0.7))


def arrival(number: int, *, labels: bool = False, rows: int = 100) -> Arrival:
    at = NOON + timedelta(hours=number)
    return Arrival(f"{'l' * labels}b{number}", number, f"{number}.csv", rows, at, labels)


def seen(number: int, **changes: Any) -> Observation:
    day = f"2026-04-{number + 1:02d}T00:00:00"
    made = Observation(
        "toy", f"b{number}", 2, number, f"{number}.csv", day, day, 100, 90, 0,
        figure(0.69), None, clock=day,
    )  # fmt: skip
    return replace(made, **changes)


def decision(observation: Observation, *, retrain: bool = False, **changes: Any) -> Entry:
    found = {"retrain": retrain, "rule": "every", "at": observation.last}
    figures = {"decision": found, "observation": observation.to_dict()}
    at = NOON + timedelta(hours=observation.data_version, minutes=5)
    name = f"decision-{observation.batch}"
    made = Entry(name, at, "toy", "decision", observation.version, "monitor", "", figures)
    return replace(made, **changes)


def verdict(number: int, version: int, gain: float | None, unit: float = 1.0) -> Entry:
    figures = {"decision": f"decision-b{number}", "gain": gain, "gain_unit": unit}
    at = NOON + timedelta(hours=number, minutes=9)
    return Entry(f"verdict-{version}", at, "toy", "verdict", version, "train", "", figures)


def past(observation: Observation, entries: list[Entry], *found: Arrival, **changes: Any) -> Past:
    champion = replace(CHAMPION, **changes)
    every = found or tuple(arrival(number) for number in range(observation.data_version + 1))
    return recorded_past(champion, observation, None, every, entries, greater_is_better=True)


def test_batches_after_the_champions_data_version_are_new_to_it() -> None:
    found = situation(past(seen(3), [decision(seen(2))]))
    assert (found.batches, found.rows, found.learnable) == (2, 200, 180)


def test_a_batch_that_the_champion_before_met_can_be_learned_from_too() -> None:
    found = situation(past(seen(3), [decision(seen(2, version=1))]))
    assert found.learnable == 180
    assert found.recent == (figure(0.69),)


def test_a_quarantined_batch_is_a_refusal() -> None:
    bad = Entry("bad", NOON, "toy", "quarantine", None, "ingest", "", {"batch": "x"})
    found = situation(past(seen(3), [bad])).refused
    assert found is not None
    assert (found.share, found.batches) == (0.2, 5)


def test_a_decision_without_an_answer_runs_and_one_with_does_not() -> None:
    asked = decision(seen(2), retrain=True)
    assert situation(past(seen(3), [asked])).running
    done = situation(past(seen(3), [asked, verdict(2, 3, 0.01)]))
    assert not done.running
    assert done.retrainings == (datetime(2026, 4, 3),)


def test_the_first_training_is_no_retraining() -> None:
    first = decision(seen(2), retrain=True)
    rule = {**first.figures["decision"], "rule": "no champion"}
    first = replace(first, figures={**first.figures, "decision": rule})
    assert past(seen(3), [first, verdict(2, 2, None)]).retrainings == ()


def test_gains_at_gates_are_in_units_of_the_metric() -> None:
    entries = [verdict(1, 2, None), verdict(2, 3, 5.0, unit=100.0)]
    assert past(seen(3), entries).verdicts == (GateGain(2, None), GateGain(3, 0.05))


def test_labels_that_came_after_the_champions_own_are_new_to_it() -> None:
    files = (*(arrival(number) for number in range(4)), *(
        arrival(number, labels=True, rows=10) for number in range(3)
    ))  # fmt: skip
    assert past(seen(3), [], *files, labels=0).incumbent.labels == 1
    assert situation(past(seen(3), [], *files, labels=0)).learnable == 90 + 20
    assert situation(past(seen(3), [], *files)).learnable == 90 + 30


def test_what_looks_odd_now_is_held_back_at_once() -> None:
    found = past(seen(3, suspicions=("Odd.",)), [])
    assert [one.held for one in found.batches] == [False, False, False, True]
    assert situation(found).suspicions == ("Odd.",)


@pytest.mark.parametrize("last", ["2041-05-01T00:00:00", "294247-01-10T04:00:54.775807"])
def test_a_ledger_from_before_clocks_were_bounded_moves_none(last: str) -> None:
    old = seen(2, last=last).to_dict()
    del old["clock"], old["gain"]
    entry = decision(seen(2))
    entry = replace(entry, figures={**entry.figures, "observation": old})
    found = situation(past(seen(3), [entry]))
    assert found.at == datetime(2026, 4, 4)
    stuck = {**entry.figures["decision"], "retrain": True, "at": "2041-05-01T00:00:00"}
    entry = replace(entry, figures={**entry.figures, "decision": stuck})
    assert situation(past(seen(3), [entry, verdict(2, 3, 0.0)])).retrainings == ()
