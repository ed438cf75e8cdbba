"""Monitoring as Prefect tasks: decide on each new batch, and show what drifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import get_run_logger, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from tasks.config import find_pipeline
from tasks.errors import DataError, StoreUnavailable
from tasks.retries import retried
from tasks.settings import Settings

if TYPE_CHECKING:
    from tasks.monitoring.arrivals import Arrival
    from tasks.monitoring.record import Decided
    from tasks.monitoring.watch import Watch

RETRIES = retried(StoreUnavailable)


@task(name="watch", **RETRIES)
def watch_champion(pipeline: str) -> Watch:
    """Load the champion, with its profile and its estimator."""
    from tasks.monitoring.watch import Watch
    from tasks.store.s3 import S3Store

    settings = Settings.from_environment()
    declared = find_pipeline(pipeline, settings.pipelines)
    return Watch.of(settings, S3Store(settings), declared)


@task(name="find new batches", **RETRIES)
def find_new(watch: Watch) -> list[Arrival]:
    """Return the accepted batches that nothing was decided on yet."""
    from tasks.monitoring.record import pending

    return list(pending(watch))


@task(name="decide", task_run_name="decide on {arrival.object}", **RETRIES)
def decide(watch: Watch, arrival: Arrival, cause: str) -> Decided:
    """Compare one batch with what the champion knows, judge it, and decide."""
    from tasks.monitoring.page import decision_markdown, drift_rows
    from tasks.monitoring.record import decide_on

    name, logger = watch.pipeline.name, get_run_logger()
    decided = decide_on(watch, arrival, cause)
    for line in decided.told:
        logger.info(line)
    create_markdown_artifact(
        decision_markdown(decided), key=f"decision-{name}", description=arrival.object
    )
    rows = drift_rows(decided)
    if rows:
        create_table_artifact(rows, key=f"drift-{name}", description=arrival.object)
    return decided


@task(name="report drift", task_run_name="report on {decided.arrival.object}", **RETRIES)
def report(watch: Watch, decided: Decided) -> str | None:
    """Write the page about a batch that drifted, and return its key; None where nothing did."""
    from tasks.monitoring.report import write_report

    try:
        key = write_report(watch, decided)
    except DataError as error:
        get_run_logger().warning("No drift page: %s", error)
        return None
    if key is not None:
        create_link_artifact(
            f"{watch.settings.s3_endpoint}/{watch.settings.bucket}/{key}",
            key=f"drift-report-{watch.pipeline.name}",
            link_text="drift report",
            description=decided.arrival.object,
        )
    return key
