"""Replay the curated history under several policies, and say which one to take."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.backtest.task import advise, fill, pin, report_backtest, track
from tasks.events.task import tag_run
from tasks.store.task import leave_outcome


@flow(name="backtest", flow_run_name="backtest {pipeline}: {cause}", on_running=[tag_run])
def backtest(
    pipeline: str,
    policies: list[str] | None = None,
    rows: int | None = None,
    start: float | None = None,
    cause: str = "command",
) -> dict[str, Any]:
    """Fit every model of the history once, replay the policies, and report what they cost."""
    plan = pin(pipeline, policies, rows, start)
    filled = fill(plan)
    found = advise(plan, filled)
    outcome = report_backtest(plan, filled, found)
    return leave_outcome({**outcome, "url": track(plan, found), "cause": cause})
