"""Whether the decision that asked for a training still waits for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tasks.errors import Refused
from tasks.ledger.entry import Entry
from tasks.monitoring.answers import is_open
from tasks.monitoring.arrivals import Arrival, decision_id, find_unanswered
from tasks.training.plan import TrainingPlan


def find_covered(
    entries: Iterable[Entry], arrived: Iterable[Arrival], plan: TrainingPlan
) -> tuple[str, ...]:
    """Return the open decisions whose rows this training has: its end is their answer as well.

    A run that a decision asked for may have died each time it was started. What a person trains
    then closes it: while it is open, nothing else is decided.
    """
    newest = {False: plan.data.version, True: -1 if plan.labels is None else plan.labels}
    later = {
        decision_id(arrival.batch, labels=arrival.labels)
        for arrival in arrived
        if arrival.data_version > newest[arrival.labels]
    }
    return tuple(entry.id for entry in find_unanswered(entries) if entry.id not in later)


def find_answer(entries: Sequence[Entry], decision: str, pipeline: str) -> str | None:
    """Return how a decision was answered, in a sentence; None where it is open.

    An event may come twice, and whoever reaches the server can send one: a training that a
    decision asks for passes cooldown, budget and suspicion, which the decision was held against.

    Raises:
        Refused: the ledger has no such decision, or it says no.
    """
    if is_open(entries, decision):
        return None
    named = [entry for entry in entries if entry.figures.get("decision") == decision]
    asked = [entry for entry in entries if entry.id == decision and entry.kind == "decision"]
    if asked and named:
        return f"{decision} was answered before: {named[-1].summary}"
    rule = "a training is asked for by a decision to retrain"
    came = f"{decision}, which says no" if asked else f"{decision}, which the ledger does not have"
    remedy = f"`perennial train {pipeline}` trains without a decision."
    raise Refused(f"pipeline {pipeline}", rule, came, remedy)
