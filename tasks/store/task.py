"""The task that hands a flow run's outcome to the one who waits for it."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.runtime import flow_run

from tasks.errors import StoreUnavailable
from tasks.retries import retried
from tasks.settings import Settings
from tasks.store.outcome import leave


@task(name="leave outcome", **retried(StoreUnavailable))
def leave_outcome(outcome: dict[str, Any]) -> dict[str, Any]:
    """Write the outcome where the command line finds it, and return it."""
    from tasks.store.connect import open_bucket

    run = flow_run.id
    if run:
        leave(open_bucket(Settings.from_environment()), run, outcome)
    return outcome
