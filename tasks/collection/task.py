"""Collecting as a Prefect task."""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact

from tasks.errors import StoreUnavailable
from tasks.policy.reading import count_text
from tasks.retries import retried
from tasks.settings import Settings


# The collectors retry what a source does; here it is our bucket that may be away.
@task(name="collect rows", task_run_name="rows for {pipeline}", **retried(StoreUnavailable))
def collect_rows(pipeline: str, cause: str) -> dict[str, Any]:
    """Land what the pipeline's source holds behind the cursor.

    A run of the schedule leaves alone what failed before for a reason that a person has to mend.
    """
    from tasks.collection.collect import collect
    from tasks.collection.open import open_collector
    from tasks.collection.trouble import counting_failures, find_trouble
    from tasks.store.room import refuse_full
    from tasks.workspace import open_workspace

    refuse_full(settings := Settings.from_environment())
    workspace, say = open_workspace(settings, pipeline), get_run_logger().info
    outcome: dict[str, Any] = {"pipeline": pipeline, "cause": cause, "keys": [], "rows": 0}
    trouble = find_trouble(workspace)
    if cause == "schedule" and trouble is not None and trouble.waits:
        get_run_logger().warning("A person has to mend the source: %s", trouble.reason)
        return {**outcome, "outcome": "blocked", "reason": trouble.reason}
    with counting_failures(workspace):
        done = collect(workspace, open_collector(workspace, say), say)
    if done.keys:
        table = [{"object": key} for key in done.keys]
        rows, objects = (done.rows, "row", "rows"), (len(table), "object", "objects")
        told = count_text(*(rows if done.rows else objects))
        create_table_artifact(table, key=f"collected-{pipeline}", description=told)
    found = {"outcome": done.outcome, "keys": list(done.keys), "rows": done.rows, "reason": ""}
    return {**outcome, **found}
