"""Train challengers, let the gate judge them, and put the best in service when it passes."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.events.task import announce
from tasks.store.task import leave_outcome
from tasks.training.task import (
    ask_limits,
    check_decision,
    conclude,
    evaluate_challenger,
    explain,
    find_earlier_run,
    fit,
    gate_challengers,
    pin,
    refit,
    release,
    tell_failure,
    tune,
)
from tasks.training.tidings import choose_events


@flow(name="train", flow_run_name="train {pipeline}: {cause}", on_failure=[tell_failure])
def train(
    pipeline: str,
    cause: str = "schedule",
    challengers: list[str] | None = None,
    decision: str | None = None,
    with_suspicious: bool = False,
) -> dict[str, Any]:
    """Train on the curated table as it is now; recompute nothing that was computed before.

    Batches that look poisoned stay out until a person clears them, or asks for them here.
    """
    work = pin(pipeline, challengers, with_suspicious)
    answered = check_decision(work, decision)
    if answered is not None:
        return leave_outcome(answered)
    # A plan that was carried out to its end is not again: its decision is answered with that end.
    done = find_earlier_run(work)
    if done is not None:
        return leave_outcome(done)
    held_back = ask_limits(work)
    if held_back is not None:
        return leave_outcome(held_back)
    tuning = tune(work)
    contenders = [fit(work, tuning, challenger) for challenger in work.challengers]
    judged = [
        evaluate_challenger(work, contender, challenger)
        for challenger, contender in zip(work.challengers, contenders, strict=True)
    ]
    chosen = gate_challengers(work, tuning, contenders, judged)
    final = refit(work, chosen)
    insight = explain(work, chosen, final)
    version = release(work, chosen, final, insight)
    outcome = conclude(work, chosen, version, cause, decision)
    # Told last: whoever hears of it finds the verdict in the ledger and the pointer moved.
    for event, payload in choose_events(outcome):
        announce(event, pipeline, payload)
    return leave_outcome(outcome)
