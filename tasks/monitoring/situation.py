"""Gather what a decision looks at from what was recorded. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from tasks.dataset.dataset import FEWEST
from tasks.ledger.entry import Entry
from tasks.monitoring.arrivals import Arrival, unanswered
from tasks.monitoring.observation import Observation
from tasks.policy.decision import Decision, decide
from tasks.policy.expected_gain import expected_gain
from tasks.policy.limits import Limits
from tasks.policy.policy import Policy
from tasks.policy.situation import DriftFigure, Figure, Refusals, Situation, loss

LATELY = 10


@dataclass(frozen=True)
class Champion:
    """What is known of the model in service: what it was fitted on, and how it did then."""

    version: int
    data_version: int
    fitted_rows: int
    fitted_until: datetime
    reference: Figure


def situation_of(
    champion: Champion,
    observation: Observation,
    errors: np.ndarray[Any, Any],
    found: Sequence[Arrival],
    entries: Sequence[Entry],
    *,
    greater_is_better: bool,
    delayed: bool,
) -> Situation:
    """Return the situation after `observation`.

    Args:
        errors: of the champion since it was fitted, in time order.
        found: every accepted batch up to the observed one.
        entries: the ledger so far.
        delayed: labels come later, so how many rows can be learned from is not known yet.
    """
    since = [one for one in found if one.data_version > champion.data_version]
    earlier = [one for one in observations(entries) if one.version == champion.version]
    live = None if observation.late else observation.live
    recent = tuple(one.live for one in earlier if one.live is not None and not one.late)
    batches = {one.batch for one in since}
    labelled = sum(one.labelled for one in earlier if one.batch in batches)
    return Situation(
        at=clock(champion.fitted_until, observation, entries),
        batches=len(since),
        rows=sum(one.rows for one in since),
        fitted_rows=champion.fitted_rows,
        fitted_until=champion.fitted_until,
        reference=champion.reference,
        greater_is_better=greater_is_better,
        live=live,
        recent=(*recent, live) if live is not None else recent,
        estimated=observation.estimated,
        drift=_drift(observation),
        errors=errors if len(errors) else None,
        refused=refused(found, entries),
        learnable=None if delayed else labelled + observation.labelled,
        retrainings=tuple(_at(entry) for entry in retrainings(entries)),
        running=bool(unanswered(entries)),
        expected_gain=expected_gain(gains(entries), _drop(champion, live, greater_is_better)),
    )


def decision_on(
    policy: Policy, situation: Situation, limits: Limits, observation: Observation
) -> Decision:
    """Decide, and hold back where the batch looks poisoned."""
    decision = decide(policy, situation, limits)
    if not observation.suspicions or not decision.retrain:
        return decision
    why = " ".join(observation.suspicions)
    reason = decision.reason.removeprefix("Retraining. ")
    return replace(
        decision,
        retrain=False,
        rule="suspicious batch",
        reason=f"No retraining, although the policy asks for it. {reason} {why} "
        "A person has to look at the batch first.",
    )


def first_decision(
    policy: Policy, at: datetime, labelled: int, entries: Sequence[Entry]
) -> Decision:
    """Decide where no champion is in service: the first model is trained once there are rows."""
    rule, retrain = "no champion", True
    reason = "Retraining. No champion is in service, so the first model is trained."
    if unanswered(entries):
        rule, retrain = "already running", False
        reason = "No retraining. No champion is in service, and a training is already running."
    elif labelled < FEWEST:
        rule, retrain = "too few rows", False
        reason = (
            f"No retraining. No champion is in service, and {labelled} labelled rows are fewer "
            f"than the {FEWEST} that the first model needs."
        )
    return Decision(retrain, str(policy), rule, reason, (), at)


def unreadable(policy: Policy, at: datetime, why: str) -> Decision:
    """Decide on a batch that the champion cannot read: no, and a person has to look."""
    reason = f"No retraining. The batch could not be judged: {why}"
    return Decision(False, str(policy), "cannot be judged", reason, (), at)


def observations(entries: Sequence[Entry]) -> tuple[Observation, ...]:
    """Return what was observed of each decided batch, in the order of the decisions."""
    found = (observed(entry) for entry in entries if entry.kind == "decision")
    return tuple(one for one in found if one is not None)


def observed(decision: Entry) -> Observation | None:
    """Return what a decision's entry says was observed; None where nothing could be."""
    content = decision.figures.get("observation")
    return None if content is None else Observation.from_dict(content)


def clock(fitted_until: datetime, observation: Observation, entries: Sequence[Entry]) -> datetime:
    """Return the latest event time known: an old batch never turns it back."""
    seen = [datetime.fromisoformat(one.last) for one in (*observations(entries), observation)]
    return max([fitted_until, *seen])


def retrainings(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return the decisions to retrain a champion."""
    return tuple(
        entry
        for entry in entries
        if entry.kind == "decision"
        and entry.figures["decision"]["retrain"]
        and entry.figures["decision"]["rule"] != "no champion"
    )


def gains(entries: Sequence[Entry]) -> tuple[float, ...]:
    """Return what past retrainings bought at their gates, oldest first.

    In the metric's unit where greater is better, else as a share of the champion's error.
    """
    verdicts = (entry.figures for entry in entries if entry.kind == "verdict")
    return tuple(
        float(one["gain"]) / float(one.get("gain_unit") or 1.0)
        for one in verdicts
        if one.get("gain") is not None
    )


def refused(found: Sequence[Arrival], entries: Sequence[Entry]) -> Refusals:
    """Return the share of refused batches among the latest."""
    bad = [(entry.at, True) for entry in entries if entry.kind == "quarantine"]
    latest = sorted([(one.at, False) for one in found] + bad)[-LATELY:]
    share = sum(is_bad for _, is_bad in latest) / len(latest) if latest else 0.0
    return Refusals(share, len(latest))


def _drift(observation: Observation) -> DriftFigure | None:
    drift = observation.drift
    if drift is None:
        return None
    worst = ", ".join(one["name"] for one in drift["columns"] if one["drifted"])[:200]
    return DriftFigure(float(drift["share"]), float(drift["limit"]), worst)


def _drop(champion: Champion, live: Figure | None, greater_is_better: bool) -> float | None:
    if live is None or not live.known:
        return None
    return loss(champion.reference.value, live.value, greater_is_better)


def _at(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry.figures["decision"]["at"])
