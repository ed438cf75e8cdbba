"""Decisions where no model can look: before the first champion, or on what it cannot read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tasks.dataset.dataset import FEWEST
from tasks.ledger.entry import Entry
from tasks.monitoring.arrivals import find_unanswered
from tasks.policy.decision import Decision
from tasks.policy.policy import Policy

NO_CHAMPION = "no champion"


def is_retraining(decision: Mapping[str, Any]) -> bool:
    """Say whether a recorded decision spends budget and starts a cooldown: a yes to a retraining.

    The first model is nobody's retraining.

    >>> is_retraining({"retrain": True, "rule": NO_CHAMPION})
    False
    """
    return bool(decision["retrain"]) and decision["rule"] != NO_CHAMPION


def decide_first(policy: Policy, at: datetime, labelled: int, entries: Sequence[Entry]) -> Decision:
    """Decide where no champion is in service: the first model is trained once there are rows."""
    rule, retrain = NO_CHAMPION, True
    reason = "Retraining. No champion is in service, so the first model is trained."
    if find_unanswered(entries):
        rule, retrain = "already running", False
        reason = "No retraining. No champion is in service, and a training is already running."
    elif labelled < FEWEST:
        rule, retrain = "too few rows", False
        reason = (
            f"No retraining. No champion is in service, and {labelled} labelled rows are fewer "
            f"than the {FEWEST} that the first model needs."
        )
    return Decision(retrain, str(policy), rule, reason, (), at)


def decide_unreadable(policy: Policy, at: datetime, why: str) -> Decision:
    """Decide on a batch that the champion cannot read: no, and a person has to look."""
    reason = f"No retraining. The batch could not be judged: {why}"
    return Decision(False, str(policy), "cannot be judged", reason, (), at)
