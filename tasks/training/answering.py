"""Answers in the ledger to the decisions that asked for a training."""

from __future__ import annotations

from tasks.monitoring.answers import record_answer
from tasks.monitoring.arrivals import find_arrivals
from tasks.promotion.deciding import entries_to_decide_by
from tasks.training.open_decision import find_covered
from tasks.training.work import Work


def answer_open(work: Work, version: int, summary: str) -> None:
    """Record how a training ended on the decisions that are still open and whose rows it had."""
    place = work.workspace
    for decision in find_covered(entries_to_decide_by(place), find_arrivals(place), work.plan):
        figures = {"decision": decision, "training_key": work.plan.key}
        record_answer(place, f"answer-{decision}", version, summary, figures)
