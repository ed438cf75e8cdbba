"""Ingestion as Prefect tasks: find what is pending, and land one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger

from tasks.config import find_pipeline
from tasks.errors import StoreUnavailable
from tasks.events.names import BATCH_ACCEPTED, BATCH_QUARANTINED
from tasks.retries import retried
from tasks.settings import Settings

if TYPE_CHECKING:
    from tasks.validation.ingest import Ingested
    from tasks.validation.report import Report

RETRIES = retried(StoreUnavailable)


@task(name="find pending objects", **RETRIES)
def find_pending(pipeline: str) -> list[str]:
    """Return the keys of the objects in `incoming/` that were not looked at yet."""
    from tasks.store.s3 import S3Store
    from tasks.validation.ingest import pending

    settings = Settings.from_environment()
    found = pending(S3Store(settings), find_pipeline(pipeline, settings.pipelines))
    return [info.key for info in found]


@task(name="ingest object", task_run_name="ingest {key}", **RETRIES)
def ingest_one(pipeline: str, key: str) -> dict[str, Any]:
    """Land one object in the curated table or in quarantine, and show its report."""
    from tasks.store.s3 import S3Store
    from tasks.validation.ingest import ingest_object, reasons_of, tell_ledger

    settings = Settings.from_environment()
    declared = find_pipeline(pipeline, settings.pipelines)
    log = get_run_logger()
    store = S3Store(settings)
    ingested = ingest_object(settings, store, declared, key, log.info)
    if ingested.report is not None:
        _publish(ingested.report, ingested, settings)
    if ingested.version is None:
        tell_ledger(settings, store, declared, ingested, key)
    return {
        "key": key,
        "outcome": ingested.outcome,
        "batch": ingested.batch,
        "version": ingested.version,
        "rows": ingested.rows,
        "report": ingested.report_key,
        "stands": "quarantined" if ingested.version is None else "accepted",
        "reasons": list(reasons_of(store, declared, ingested)),
    }


def tidings(batches: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
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


def _publish(report: Report, ingested: Ingested, settings: Settings) -> None:
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
        f"{settings.s3_endpoint}/{settings.bucket}/{ingested.report_key}",
        key=f"validation-report-{report.pipeline}",
        link_text=f"validation report of batch {report.batch[:12]}",
        description=report.object,
    )
