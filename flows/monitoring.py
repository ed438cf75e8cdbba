"""Look at each new batch with the champion's eyes, and decide whether to retrain."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.events.task import announce
from tasks.monitoring.task import (
    find_new,
    monitor_arrival,
    report_answers,
    report_drift,
    watch_champion,
)
from tasks.store.task import leave_outcome


@flow(name="monitor", flow_run_name="monitor {pipeline}: {cause}")
def monitor(pipeline: str, cause: str = "schedule") -> dict[str, Any]:
    """Decide on every accepted batch that is new, oldest first, and judge what was answered."""
    workspace, champion = watch_champion(pipeline)
    decided = []
    for arrival in find_new(workspace):
        found = monitor_arrival(workspace, champion, arrival, cause)
        for event, payload in found.events:
            announce(event, pipeline, payload)
        decided.append(found)
    # Reports come last: they take longest, and no decision and no training waits for them.
    answers = report_answers(workspace)
    for found in decided:
        report_drift(workspace, champion, found)
    decisions = [found.to_dict() for found in decided]
    outcome = {"pipeline": pipeline, "cause": cause, "decisions": decisions, "answers": answers}
    return leave_outcome(outcome)
