"""Ingestion as Prefect tasks: which objects wait at an entrance, and what becomes of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task

from tasks.errors import StoreUnavailable
from tasks.events.event import Event
from tasks.records import plain
from tasks.retries import retried
from tasks.runs import run_logger, show_link, show_markdown, show_table
from tasks.settings import Settings

# Each flow run is a process of its own, and Great Expectations alone takes 2.8 s to import: the
# libraries are loaded by the task that needs them, after its run has shown as started.
if TYPE_CHECKING:
    from tasks.ingestion.entrance import Kind
    from tasks.ingestion.landing import Landed
    from tasks.ingestion.trouble import Troubled
    from tasks.validation.report import Report

RETRIES = retried(StoreUnavailable)


@task(name="list arrivals", task_run_name="list {kind} of {pipeline}", **RETRIES)
def list_arrivals(pipeline: str, kind: Kind) -> list[str]:
    """Return the keys of the objects that arrived and were not looked at yet."""
    from tasks.ingestion.entrance import Entrance, find_pending
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    return [info.key for info in find_pending(workspace, Entrance(kind, workspace.layout))]


@task(name="take in rows", task_run_name="rows {key}", **RETRIES)
def take_in_rows(pipeline: str, key: str, again: bool = False) -> dict[str, Any]:
    """Bring one batch into the curated table or into quarantine, and show its report."""
    from tasks.ingestion.entrance import Entrance
    from tasks.ingestion.quarantine import tell_ledger, tell_release
    from tasks.ingestion.rows import open_rows
    from tasks.ingestion.trouble import Troubled, counting_blocks, try_landing
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    say, entrance = run_logger().info, Entrance("rows", workspace.layout)
    with counting_blocks(workspace, entrance, key):
        landed = try_landing(open_rows(workspace), key, say, again=again)
    if isinstance(landed, Troubled):
        return {**_waits(landed), "rows": 0, "report": None, "told": "", "notes": []}
    page = workspace.layout.report("validation", f"{landed.batch}.html")
    if landed.report is not None:
        _publish(landed.report, workspace.bucket.url(page))
    if landed.version is None:
        tell_ledger(workspace, landed, key)
    elif again and landed.stands == "accepted":
        tell_release(workspace, landed, key)
    return {
        **_stands(key, landed),
        "rows": landed.rows,
        "report": page,
        "told": "" if landed.report is None else landed.report.told,
        "notes": [] if landed.report is None else list(landed.report.notes),
    }


@task(name="take in labels", task_run_name="labels {key}", **RETRIES)
def take_in_labels(pipeline: str, key: str, again: bool = False) -> dict[str, Any]:
    """Keep the labels of one file or refuse it, and show how many there are of each kind."""
    from tasks.ingestion.entrance import Entrance
    from tasks.ingestion.labels import open_labels
    from tasks.ingestion.quarantine import tell_release
    from tasks.ingestion.trouble import Troubled, counting_blocks, try_landing
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    say, entrance = run_logger().info, Entrance("labels", workspace.layout)
    with counting_blocks(workspace, entrance, key):
        landed = try_landing(open_labels(workspace), key, say, again=again)
    if isinstance(landed, Troubled):
        return {**_waits(landed), "counts": None}
    counts = None if landed.counts is None else plain(landed.counts)
    if counts is not None:
        show_table([counts], key=f"labels-{pipeline}", description=key)
    if again and landed.stands == "accepted":
        tell_release(workspace, landed, key)
    return {**_stands(key, landed), "counts": counts}


def tell_batches(batches: list[dict[str, Any]]) -> list[tuple[Event, dict[str, Any]]]:
    """Return the events that follow from what became of the batches, each with what it says."""
    accepted = [batch["batch"] for batch in batches if batch["outcome"] == "accepted"]
    refused = [batch for batch in batches if batch["outcome"] == "quarantined"]
    events: list[tuple[Event, dict[str, Any]]] = []
    if accepted:
        events.append((Event.BATCH_ACCEPTED, {"batches": accepted}))
    for batch in refused:
        summary = f"{batch['key']}: {'; '.join(batch['reasons'])}"
        events.append((Event.BATCH_QUARANTINED, {"batch": batch["batch"], "summary": summary}))
    return events


def tell_labels(files: list[dict[str, Any]]) -> list[tuple[Event, dict[str, Any]]]:
    """Return the event that follows where labels were taken in."""
    accepted = [file["batch"] for file in files if file["outcome"] == "accepted"]
    return [(Event.LABELS_ARRIVED, {"batches": accepted})] if accepted else []


def _stands(key: str, landed: Landed) -> dict[str, Any]:
    return {
        "key": key,
        "outcome": landed.outcome,
        "batch": landed.batch,
        "version": landed.version,
        "stands": landed.stands,
        "reasons": list(landed.reasons),
    }


def _waits(troubled: Troubled) -> dict[str, Any]:
    run_logger().warning("%s waits for another try: %s", troubled.key, troubled.reason)
    return {
        "key": troubled.key,
        "outcome": "failed",
        "batch": None,
        "version": None,
        "stands": "waiting",
        "reasons": [troubled.reason],
    }


def _publish(report: Report, page: str) -> None:
    name = f"validation-{report.pipeline}"
    show_markdown(report.to_markdown(), key=name, description=report.object)
    rows = [
        {
            "met": "yes" if check.passed else ("no" if check.refuses else "warning"),
            "expectation": check.words,
            "column": check.column or "",
            "figures": check.figures,
            "rows": ", ".join(str(row) for row in check.sample_rows),
        }
        for check in report.checks
    ]
    if rows:
        table = f"validation-table-{report.pipeline}"
        show_table(rows, key=table, description=report.object)
    show_link(
        page,
        key=f"validation-report-{report.pipeline}",
        link_text=f"validation report of batch {report.batch[:12]}",
        description=report.object,
    )
