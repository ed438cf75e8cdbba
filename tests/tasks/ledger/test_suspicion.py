"""A suspicion stays with its batch until a person clears it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.errors import Refused
from tasks.ledger.entry import Entry
from tasks.ledger.story import story
from tasks.ledger.suspicion import clearance, held_back, suspicions
from tasks.records import read

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
FIRST, SECOND = "ab12" + "0" * 60, "ab12" + "f" * 60


def seen(batch: str, name: str, minute: int, *why: str) -> Entry:
    observation: dict[str, Any] = {
        "batch": batch, "object": f"toy/incoming/{name}", "suspicions": list(why),
        "warnings": [], "first": "2026-04-01", "last": "2026-04-30", "live": None,
        "estimated": None, "drift": None, "version": 1,
    }  # fmt: skip
    figures = {"observation": observation, "decision": {"retrain": False}, "object": name}
    at = NOON + timedelta(minutes=minute)
    return Entry(f"decision-{batch}", at, "toy", "decision", 1, "monitor", "No.", figures)


ODD = seen(FIRST, "april.csv", 0, "All 50 labelled rows are of one class (yes).")
CLEAN = seen("c" * 64, "may.csv", 1)
BLIND = Entry("decision-x", NOON, "toy", "decision", None, "monitor", "No champion.",
              {"observation": None, "decision": {"retrain": True}})  # fmt: skip


def test_only_what_looked_odd_is_held_back() -> None:
    assert [one.batch for one in suspicions([BLIND, ODD, CLEAN])] == [FIRST]
    assert held_back([BLIND, ODD, CLEAN]) == (FIRST,)


@pytest.mark.parametrize("name", ["april.csv", "toy/incoming/april.csv", FIRST, FIRST[:6]])
def test_a_clearance_names_the_batch_and_ends_the_suspicion(name: str) -> None:
    entry = clearance([ODD, CLEAN], "toy", name, "ann (command)", "a strike")
    assert entry.kind == "clearance"
    assert entry.figures["batch"] == FIRST
    assert entry.summary == "april.csv is cleared, and the next training learns from it: a strike"
    assert held_back([ODD, CLEAN, entry]) == ()
    assert read(Entry, entry.to_dict(), "entry") == entry
    assert "Cleared by a person" in [one.title for one in story([ODD, CLEAN, entry])]


@pytest.mark.parametrize("name", ["may.csv", "c" * 64, "ab12", "", "nothing"])
def test_what_is_not_held_back_cannot_be_cleared(name: str) -> None:
    with pytest.raises(Refused, match=r"Held back: ab12.* \(april.csv\)"):
        clearance([ODD, CLEAN], "toy", name, "ann", "why")
    with pytest.raises(Refused, match="No batch is held back"):
        clearance([CLEAN], "toy", name, "ann", "why")


def test_a_name_that_fits_two_is_refused() -> None:
    other = seen(SECOND, "april.csv", 2, "The column fee gives the target away.")
    with pytest.raises(Refused, match=r"2 batches named april\.csv"):
        clearance([ODD, other], "toy", "april.csv", "ann", "why")
    entry = clearance([ODD, other], "toy", SECOND[:8], "ann", "why")
    assert held_back([ODD, other, entry]) == (FIRST,)


def test_a_batch_that_looks_odd_after_it_was_cleared_is_held_back_again() -> None:
    entry = clearance([ODD], "toy", FIRST, "ann", "why")
    again = seen(FIRST, "april.csv", 60 * 24 * 365 * 9, "Odd.")
    assert held_back([ODD, entry, again]) == (FIRST,)
