"""The command that collects a pipeline's source now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deployments.cli.output import about_pipeline, say, show
from deployments.session import follow, open_session
from tasks.policy.reading import count_text

if TYPE_CHECKING:
    from tasks.workspace import Workspace


@about_pipeline
@click.option("--dry-run", is_flag=True, help="Ask the source once, land nothing.")
@click.option("--suite", is_flag=True, help="Draft the suite from its first rows, land nothing.")
def collect(name: str, dry_run: bool, suite: bool, as_json: bool) -> int:
    """Land what the pipeline's source holds and was not collected yet.

    Exit 3 when another collector was first.
    """
    from deployments.cli.suites import draft_suite, tell_draft, tell_suite

    workspace = open_session(name)
    if suite:
        drafted = draft_suite(workspace)
        show(drafted, as_json, lambda: tell_draft(name, drafted))
        return 0
    if dry_run:
        seen = look_at_source(workspace)
        told = tell_suite(name, workspace.pipeline.suite)
        show(seen, as_json, lambda: f"{tell_look(seen)}\n{told}")
        return 0
    outcome = follow(workspace, "collect", {}, say)
    show(outcome, as_json, lambda: collected_summary(outcome))
    return 3 if outcome["outcome"] == "overtaken" else 0


def look_at_source(workspace: Workspace) -> dict[str, Any]:
    """Return what the next object would be, as the readers of ingestion see it."""
    from tasks.collection.open import open_collector
    from tasks.collection.preview import preview

    seen = preview(workspace, open_collector(workspace, say, limit=1))
    return {
        "pipeline": workspace.name,
        "rows": seen.rows,
        "columns": seen.columns,
        "bytes": seen.size,
    }


def tell_look(seen: dict[str, Any]) -> str:
    """Say what the next object would hold."""
    if not seen["bytes"]:
        return "Nothing new."
    rows = "An object" if seen["rows"] is None else count_text(seen["rows"], "row", "rows")
    columns = ", ".join(f"{name} ({kind})" for name, kind in seen["columns"].items())
    return f"{rows} of {seen['bytes']:,} bytes would land first: {columns}."


def collected_summary(outcome: dict[str, Any]) -> str:
    """Say what landed, and who takes it in.

    >>> collected_summary({"outcome": "nothing", "keys": [], "rows": 0, "pipeline": "taxis"})
    'Nothing new.'
    """
    if outcome["outcome"] == "overtaken":
        return "Another collector was first, and goes on."
    if not outcome["keys"]:
        return "Nothing new."
    count, name = len(outcome["keys"]), outcome["pipeline"]
    rows = f" with {count_text(outcome['rows'], 'row', 'rows')}" if outcome["rows"] else ""
    objects = count_text(count, "object", "objects")
    then = "It is ingested by itself" if count == 1 else "They are ingested by themselves"
    return (
        f"{objects}{rows} landed in incoming/. {then} where the stack runs, else by `perennial "
        f"ingest {name}`."
    )
