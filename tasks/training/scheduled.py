"""Whether a training that the schedule started may go on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.ledger.entry import Entry
from tasks.monitoring.first import is_retraining
from tasks.policy.limits import Limits, budget_objection, cooldown_objection

BY_SCHEDULE = "train (schedule)"


@dataclass(frozen=True)
class ScheduledTraining:
    """Whether it goes on, in a word for the run's name, and in a sentence why."""

    goes_on: bool
    word: str
    why: str


def judge_scheduled(
    entries: Sequence[Entry], at: datetime, limits: Limits, *, first: bool
) -> ScheduledTraining:
    """Ask the policy's cooldown and budget, which the clock on the wall is held against.

    Args:
        entries: of the ledger.
        at: now.
        limits: the pipeline's.
        first: no model is in service; the first is nobody's retraining.
    """
    if first:
        return ScheduledTraining(True, "first model", "No model is in service.")
    asked = tuple(entry.at for entry in entries if _retrained(entry))
    for word, objection in (("cooldown", cooldown_objection), ("budget", budget_objection)):
        why = objection(at, asked, limits)
        if why:
            return ScheduledTraining(False, f"not trained, {word}", f"Not trained. {why}")
    return ScheduledTraining(True, "due", "Cooldown and budget allow it.")


def _retrained(entry: Entry) -> bool:
    # a decision's training has its verdict later: counted once, when it was asked for
    if entry.kind == "decision":
        return is_retraining(entry.figures["decision"])
    return entry.kind == "verdict" and entry.by == BY_SCHEDULE
