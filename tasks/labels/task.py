"""Labels as Prefect tasks: find which files wait, and land one."""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact

from tasks.config import find_pipeline
from tasks.errors import StoreUnavailable
from tasks.events.names import LABELS_ARRIVED
from tasks.retries import retried
from tasks.settings import Settings

RETRIES = retried(StoreUnavailable)


@task(name="find pending labels", **RETRIES)
def find_pending_labels(pipeline: str) -> list[str]:
    """Return the keys of the files of labels that were not looked at yet."""
    from tasks.labels.land import pending_labels
    from tasks.store.s3 import S3Store

    settings = Settings.from_environment()
    declared = find_pipeline(pipeline, settings.pipelines)
    return [info.key for info in pending_labels(settings, S3Store(settings), declared)]


def tidings(files: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the event that follows where labels were taken in."""
    accepted = [one["batch"] for one in files if one["outcome"] == "accepted"]
    return [(LABELS_ARRIVED, {"batches": accepted})] if accepted else []


@task(name="land labels", task_run_name="labels {key}", **RETRIES)
def land_one(pipeline: str, key: str) -> dict[str, Any]:
    """Keep the labels of one file or refuse it, and show how many there are of each kind."""
    from tasks.labels.land import land_labels
    from tasks.store.s3 import S3Store

    settings = Settings.from_environment()
    declared = find_pipeline(pipeline, settings.pipelines)
    log = get_run_logger()
    landed = land_labels(settings, S3Store(settings), declared, key, log.info)
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
