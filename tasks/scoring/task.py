"""The Prefect task of the scoring flow."""

from __future__ import annotations

from typing import Any

from prefect import task

from tasks.errors import StoreUnavailable
from tasks.pages.markdown import escape
from tasks.retries import retried
from tasks.runs import run_logger, show_table
from tasks.settings import Settings


@task(name="score object", **retried(StoreUnavailable, waits=(1, 5)))
def score_object(pipeline: str, source: str, output: str | None, part_rows: int) -> dict[str, Any]:
    """Score one object or table with the champion; show the figures where the truth was there."""
    from tasks.scoring.score import score_source
    from tasks.store.costs import keeping_cost
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    with keeping_cost(workspace.bucket, workspace.layout, "score"):
        outcome = score_source(
            workspace, source, output, say=run_logger().info, part_rows=part_rows
        )
    rows = [
        {"metric": name, **{end: figure[end] for end in ("value", "low", "high")}}
        for name, figure in outcome.get("metrics", {}).items()
    ]
    if rows:
        told = escape(f"{source} by version {outcome['version']}")
        show_table(rows, key=f"scores-{pipeline}", description=told)
    return outcome
