"""What was taken back counts no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tasks.ledger.entry import Entry
from tasks.ledger.reversal import (
    record_release,
    record_removal,
    removed_batches,
    standing_refusals,
)
from tasks.ledger.suspicion import held_back

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
GOOD, BAD, ODD = "ab" * 32, "cd" * 32, "ef" * 32


def refusal(batch: str, key: str, hours: int = 0) -> Entry:
    at = NOON + timedelta(hours=hours)
    figures = {"batch": batch, "object": key, "reasons": ["no rows"]}
    return Entry(f"quarantine-{batch}", at, "toy", "quarantine", None, "ingest", "no", figures)


def test_a_refusal_stands_until_the_batch_is_let_in() -> None:
    refused = (refusal(GOOD, "toy/incoming/a.csv"), refusal(BAD, "toy/incoming/b.csv", 1))
    assert standing_refusals(refused) == refused
    lifted = record_release("toy", GOOD, "toy/incoming/a.csv", "", "ada")
    assert standing_refusals([*refused, lifted]) == refused[1:]


def test_one_that_was_set_aside_unread_is_lifted_by_its_object() -> None:
    unread = refusal(BAD, "toy/incoming/a.csv")
    lifted = record_release("toy", GOOD, "toy/incoming/a.csv", "", "ada")
    assert standing_refusals([unread, lifted]) == ()
    later = refusal(ODD, "toy/incoming/a.csv", 24 * 365 * 50)
    assert standing_refusals([unread, lifted, later]) == (later,)


def test_a_batch_that_was_taken_out_is_not_held_back_besides() -> None:
    seen = {"batch": ODD, "object": "toy/incoming/odd.csv", "suspicions": ["one class"]}
    figures = {"batch": ODD, "observation": seen, "decision": {"retrain": False}}
    decision = Entry("decision-1", NOON, "toy", "decision", 1, "monitor", "No.", figures)
    assert held_back([decision]) == (ODD,)
    gone = record_removal("toy", ODD, "toy/incoming/odd.csv", 1_200, "rows", "ada", "coded 0/1")
    assert gone.summary == "odd.csv is taken out, 1,200 rows, and counts in no decision: coded 0/1"
    assert removed_batches([decision, gone]) == {ODD}
    assert held_back([decision, gone]) == ()
