"""A training asks whether the decision it names still waits for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.errors import Refused
from tasks.ledger.entry import Entry
from tasks.training.open_decision import find_answer

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
