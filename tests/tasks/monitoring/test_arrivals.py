from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tasks.data.commits import Commit
from tasks.ledger.entry import Entry
from tasks.monitoring.arrivals import (
    Arrival,
    arrivals,
    decision_id,
    find_unanswered,
    find_undecided,
    label_arrivals,
    up_to,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def commit(version: int, name: str | None, rows: int = 5, **said: str) -> Commit:
    return Commit(version, NOON + timedelta(minutes=version), name, said, rows)


def arrival(version: int, minute: int, *, labels: bool = False) -> Arrival:
    at = NOON + timedelta(minutes=minute)
    return Arrival(f"b{version}", version, "", 5, at, labels)


def entry(kind: str, name: str, **figures: object) -> Entry:
    return Entry(name, NOON, "toy", kind, None, "test", "", figures)


def test_only_commits_of_batches_are_arrivals() -> None:
    found = arrivals([commit(0, None), commit(1, "a", batch="a", object="x/a.csv", rows="7")])
    assert [(one.batch, one.object, one.rows, one.labels) for one in found] == [
        ("a", "x/a.csv", 7, False)
    ]


def test_only_files_that_brought_labels_are_arrivals() -> None:
    found = label_arrivals([commit(0, "a", rows=0), commit(1, "b", rows=3), commit(2, None)])
    assert [(one.batch, one.rows, one.labels) for one in found] == [("b", 3, True)]


def test_a_batch_and_its_labels_are_decided_on_apart() -> None:
    both = (arrival(1, 1), arrival(1, 2, labels=True))
    decided = [entry("decision", decision_id("b1"))]
    assert find_undecided(both, decided) == both[1:]


def test_versions_order_one_table_and_clocks_the_two() -> None:
    """A clock that was turned back does not hide a batch that its table already had."""
    rows = (arrival(1, 9), arrival(2, 3), arrival(3, 20))
    labels = (arrival(0, 2, labels=True), arrival(1, 8, labels=True))
    found = up_to((*rows, *labels), rows[1])
    assert found == (rows[0], rows[1], labels[0])
    assert up_to((*rows, *labels), labels[1]) == (rows[1], *labels)


def test_a_yes_waits_until_a_training_answers_it() -> None:
    yes = entry("decision", "one", decision={"retrain": True})
    no = entry("decision", "two", decision={"retrain": False})
    assert find_unanswered([yes, no]) == (yes,)
    assert find_unanswered([yes, no, entry("answer", "three", decision="one")]) == ()


def test_a_training_that_died_before_its_promotion_has_not_answered() -> None:
    yes = entry("decision", "one", decision={"retrain": True})
    verdict = replace(entry("verdict", "two", decision="one", next="promote"), version=3)
    assert find_unanswered([yes, verdict]) == (yes,)
    for end in ("promotion", "lost", "refused"):
        assert find_unanswered([yes, verdict, replace(entry(end, end), version=3)]) == ()
        assert find_unanswered([yes, verdict, replace(entry(end, end), version=2)]) == (yes,)
    assert find_unanswered([yes, entry("verdict", "two", decision="one", next="refused")]) == ()
