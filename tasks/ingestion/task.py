"""Ingestion as Prefect tasks: which objects wait at an entrance, and what becomes of one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prefect import task

from tasks.errors import StoreUnavailable
from tasks.events.event import Event
from tasks.pages.markdown import escape
from tasks.records import plain
from tasks.retries import retried
from tasks.runs import run_logger, show_link, show_markdown, show_table
from tasks.settings import Settings

# Each flow run is a process of its own, and Great Expectations alone takes 2.8 s to import: the
# libraries are loaded by the task that needs them, after its run has shown as started.
if TYPE_CHECKING:
    from tasks.ingestion.entrance import Kind
    from tasks.ingestion.landing import Landed, Landing, Say
    from tasks.ingestion.trouble import Troubled
    from tasks.validation.report import Report
    from tasks.workspace import Workspace

RETRIES = retried(StoreUnavailable)
LOOK_EVERY = 2.0  # seconds


@task(name="list arrivals", task_run_name="list {kind} of {pipeline}", **RETRIES)
def list_arrivals(pipeline: str, kind: Kind) -> list[str]:
    """Return the keys of the objects that nobody has looked at, and nobody looks at now."""
    from tasks.ingestion.entrance import Entrance, find_pending
    from tasks.ingestion.land import LEASE
    from tasks.ingestion.reading import find_unread
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    entrance = Entrance(kind, workspace.layout)
    pending = find_pending(workspace, entrance)
    return [info.key for info in find_unread(workspace.bucket, entrance, pending, LEASE)]


@task(name="take in rows", task_run_name="rows {key}", **RETRIES)
def take_in_rows(
    pipeline: str, key: str, again: bool = False, named: bool = True
) -> dict[str, Any]:
    """Bring one batch into the curated table or into quarantine, and show its report.

    One that another run reads is waited for where it was `named`, and left to that run otherwise.
    """
    from tasks.ingestion.quarantine import tell_ledger, tell_release
    from tasks.ingestion.trouble import Troubled

    workspace, landed = _bring(pipeline, "rows", key, again=again, named=named)
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
def take_in_labels(
    pipeline: str, key: str, again: bool = False, named: bool = True
) -> dict[str, Any]:
    """Keep the labels of one file or refuse it, and show how many there are of each kind.

    One that another run reads is waited for where it was `named`, and left to that run otherwise.
    """
    from tasks.ingestion.quarantine import tell_ledger, tell_release
    from tasks.ingestion.trouble import Troubled

    workspace, landed = _bring(pipeline, "labels", key, again=again, named=named)
    if isinstance(landed, Troubled):
        return {**_waits(landed), "counts": None}
    counts = None if landed.counts is None else plain(landed.counts)
    if counts is not None:
        show_table([counts], key=f"labels-{pipeline}", description=escape(key))
    if landed.stands == "quarantined":
        tell_ledger(workspace, landed, key, "labels")
    elif again and landed.stands == "accepted":
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


def _bring(
    pipeline: str, kind: Kind, key: str, *, again: bool, named: bool
) -> tuple[Workspace, Landed | Troubled]:
    from tasks.ingestion.entrance import Entrance
    from tasks.ingestion.labels import open_labels
    from tasks.ingestion.rows import open_rows
    from tasks.ingestion.trouble import counting_blocks
    from tasks.store.room import refuse_full
    from tasks.workspace import open_workspace

    refuse_full(settings := Settings.from_environment())
    workspace = open_workspace(settings, pipeline)
    landing: Landing[Any] = (open_rows if kind == "rows" else open_labels)(workspace)
    with counting_blocks(workspace, Entrance(kind, workspace.layout), key):
        return workspace, _try(landing, key, run_logger().info, again=again, named=named)


def _try(
    landing: Landing[Any], key: str, say: Say, *, again: bool, named: bool
) -> Landed | Troubled:
    from tasks.ingestion.trouble import Troubled, try_landing

    # it ends: whoever reads it leaves a receipt, fails, or dies, and then its lease runs out
    while True:
        landed = try_landing(landing, key, say, again=again)
        if not (named and isinstance(landed, Troubled) and landed.elsewhere):
            return landed
        say(f"{key}: another run reads it; waiting for that")
        time.sleep(LOOK_EVERY)


def _waits(troubled: Troubled) -> dict[str, Any]:
    told = {"key": troubled.key, "batch": None, "version": None, "reasons": [troubled.reason]}
    if troubled.elsewhere:
        run_logger().info("%s is left to the run that reads it", troubled.key)
        return {**told, "outcome": "read elsewhere", "stands": "read elsewhere"}
    run_logger().warning("%s waits for another try: %s", troubled.key, troubled.reason)
    return {**told, "outcome": "failed", "stands": "waiting"}


def _publish(report: Report, page: str) -> None:
    name, told = f"validation-{report.pipeline}", escape(report.object)
    show_markdown(report.to_markdown(), key=name, description=told)
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
        show_table(rows, key=table, description=told)
    show_link(
        page,
        key=f"validation-report-{report.pipeline}",
        link_text=f"validation report of batch {report.batch[:12]}",
        description=told,
    )
