"""Ingestion as Prefect tasks: find which objects and labels wait, and land one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import get_run_logger, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from tasks.errors import StoreUnavailable
from tasks.events.names import BATCH_ACCEPTED, BATCH_QUARANTINED, LABELS_ARRIVED
from tasks.retries import retried
from tasks.settings import Settings

if TYPE_CHECKING:
    from tasks.validation.report import Report

RETRIES = retried(StoreUnavailable)


@task(name="find pending objects", **RETRIES)
def find_pending(pipeline: str) -> list[str]:
    """Return the keys of the objects in `incoming/` that were not looked at yet."""
    from tasks.ingestion.ingest import pending
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    return [info.key for info in pending(workspace)]


@task(name="ingest object", task_run_name="ingest {key}", **RETRIES)
def ingest_one(pipeline: str, key: str) -> dict[str, Any]:
    """Land one object in the curated table or in quarantine, and show its report."""
    from tasks.ingestion.ingest import ingest_object, reasons_of, tell_ledger
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    log = get_run_logger()
    ingested = ingest_object(workspace, key, log.info)
    if ingested.report is not None:
        _publish(ingested.report, workspace.bucket.url(ingested.report_key))
    if ingested.version is None:
        tell_ledger(workspace, ingested, key)
    return {
        "key": key,
        "outcome": ingested.outcome,
        "batch": ingested.batch,
        "version": ingested.version,
        "rows": ingested.rows,
        "report": ingested.report_key,
        "stands": "quarantined" if ingested.version is None else "accepted",
        "reasons": list(reasons_of(workspace, ingested)),
    }


def batch_tidings(batches: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the events that follow from what became of the batches, each with what it says."""
    accepted = [batch for batch in batches if batch["outcome"] == "accepted"]
    found: list[tuple[str, dict[str, Any]]] = []
    if accepted:
        found.append((BATCH_ACCEPTED, {"batches": [batch["batch"] for batch in accepted]}))
    found += [
        (
            BATCH_QUARANTINED,
            {"batch": batch["batch"], "summary": f"{batch['key']}: {'; '.join(batch['reasons'])}"},
        )
        for batch in batches
        if batch["outcome"] == "quarantined"
    ]
    return found


@task(name="find pending labels", **RETRIES)
def find_pending_labels(pipeline: str) -> list[str]:
    """Return the keys of the files of labels that were not looked at yet."""
    from tasks.ingestion.land_labels import pending_labels
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    return [info.key for info in pending_labels(workspace)]


def labels_tidings(files: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the event that follows where labels were taken in."""
    accepted = [one["batch"] for one in files if one["outcome"] == "accepted"]
    return [(LABELS_ARRIVED, {"batches": accepted})] if accepted else []


@task(name="land labels", task_run_name="labels {key}", **RETRIES)
def land_one(pipeline: str, key: str) -> dict[str, Any]:
    """Keep the labels of one file or refuse it, and show how many there are of each kind."""
    from tasks.ingestion.land_labels import land_labels
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    log = get_run_logger()
    landed = land_labels(workspace, key, log.info)
    counts = None if landed.counts is None else landed.counts.to_dict()
    if counts is not None:
        create_table_artifact([counts], key=f"labels-{pipeline}", description=key)
    return {
        "key": key,
        "outcome": landed.outcome,
        "batch": landed.batch,
        "version": landed.version,
        "counts": counts,
        "stands": "quarantined" if landed.version is None else "accepted",
        "reasons": list(landed.reasons),
    }


def _publish(report: Report, page: str) -> None:
    name = f"validation-{report.pipeline}"
    create_markdown_artifact(report.to_markdown(), key=name, description=report.object)
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
        create_table_artifact(
            rows, key=f"validation-table-{report.pipeline}", description=report.object
        )
    create_link_artifact(
        page,
        key=f"validation-report-{report.pipeline}",
        link_text=f"validation report of batch {report.batch[:12]}",
        description=report.object,
    )
