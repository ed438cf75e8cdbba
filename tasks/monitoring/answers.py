"""How a training ended, in the ledger, beside the decision that asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tasks.errors import own_words, tells_absence
from tasks.events.event import Event
from tasks.ledger.entry import Entry
from tasks.monitoring.arrivals import find_unanswered
from tasks.promotion.deciding import entries_to_decide_by
from tasks.workspace import Place

LONGEST = 500  # characters
FAILED = "failed-"  # before the decision, in the answer's id
Announcement = tuple[Event, dict[str, Any]]


def is_open(entries: Iterable[Entry], decision: str) -> bool:
    """Say whether the decision asked for a training that none has answered."""
    return any(entry.id == decision for entry in find_unanswered(entries))


def record_answer(
    place: Place,
    name: str,
    version: int | None,
    summary: str,
    figures: Mapping[str, Any],
    by: str = "train",
) -> bool:
    """Record how a training ended on a decision; return whether nobody had before."""
    now = datetime.now(UTC)
    return place.ledger.append(
        Entry(name, now, place.name, "answer", version, by, summary, figures)
    )


def record_failure(
    place: Place, decision: str, message: str, by: str = "train"
) -> Announcement | None:
    """Record that the training a decision asked for failed; return what to announce, once.

    Nothing where a server was away, for the reconciler starts the training again; nor on what
    asked for nothing, or was answered.
    """
    if tells_absence(message) or not is_open(entries_to_decide_by(place), decision):
        return None
    summary = f"the training failed: {' '.join(own_words(message).split())[:LONGEST]}"
    name, figures = f"{FAILED}{decision}", {"decision": decision}
    if not record_answer(place, name, None, summary, figures, by):
        return None
    remedy = f"`perennial train {place.name}` tries once more."
    return Event.TRAINING_FAILED, {"decision": decision, "summary": f"{summary}. {remedy}"}
