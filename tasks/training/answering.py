"""Answers in the ledger to the decisions that asked for a training."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.errors import own_words, tells_absence
from tasks.ledger.entry import Entry
from tasks.monitoring.arrivals import find_arrivals
from tasks.training.open_decision import find_covered, is_open
from tasks.training.work import Work
from tasks.workspace import Place


def answer_open(work: Work, version: int, summary: str) -> None:
    """Record how a training ended on the decisions that are still open and whose rows it had."""
    place = work.workspace
    for decision in find_covered(place.ledger.entries(), find_arrivals(place), work.plan):
        figures = {"decision": decision, "training_key": work.plan.key}
        _answer(place, f"answer-{decision}", version, summary, figures)


def record_failure(place: Place, decision: str, message: str) -> None:
    """Record that the training a decision asked for failed, with its run's message.

    Nothing where a server was away, for the reconciler starts the training again; nor on what
    asked for nothing, or was answered.
    """
    if tells_absence(message) or not is_open(place.ledger.entries(), decision):
        return
    summary = f"the training failed: {' '.join(own_words(message).split())[:500]}"
    _answer(place, f"failed-{decision}", None, summary, {"decision": decision})


def _answer(
    place: Place, name: str, version: int | None, summary: str, figures: dict[str, str]
) -> None:
    now = datetime.now(UTC)
    place.ledger.append(Entry(name, now, place.name, "answer", version, "train", summary, figures))
