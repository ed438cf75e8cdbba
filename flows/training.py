"""Train a challenger, let the gate judge it, and put it in service when it passes."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.store.task import leave_outcome
from tasks.training.task import (
    already_done,
    evaluate,
    fit,
    judge,
    pin,
    promote,
    publish,
    refit,
    tune,
)


@flow(name="train", flow_run_name="train {pipeline}: {cause}")
def train(pipeline: str, cause: str = "schedule") -> dict[str, Any]:
    """Train on the curated table as it is now; recompute nothing that was computed before."""
    work = pin(pipeline)
    done = already_done(work)
    if done is not None:
        return leave_outcome(done)
    tuning = tune(work)
    contender = fit(work, tuning)
    judged = evaluate(work, contender)
    verdict = judge(work, contender, judged)
    final = refit(work, tuning, contender, verdict)
    version = publish(work, tuning, contender, judged, verdict, final)
    return leave_outcome(promote(work, tuning, contender, judged, verdict, version, cause))
