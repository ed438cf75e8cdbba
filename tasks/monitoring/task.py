"""Monitoring as Prefect tasks: decide on each new batch, and show what drifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task

from tasks.errors import DataError, IntegrityError, StoreUnavailable
from tasks.pages.markdown import escape
from tasks.retries import retried
from tasks.runs import run_logger, show_link, show_markdown, show_table
from tasks.settings import Settings

if TYPE_CHECKING:
    from tasks.monitoring.arrivals import Arrival
    from tasks.monitoring.record import RecordedDecision
    from tasks.promotion.model_version import ModelVersion
    from tasks.workspace import Workspace

# A repeated look writes the same pages, and the ledger takes one entry an id.
RETRIES = retried(StoreUnavailable)


@task(name="watch", **RETRIES)
def watch_champion(pipeline: str) -> tuple[Workspace, ModelVersion | None]:
    """Open the pipeline, and load its champion; None before the first."""
    from tasks.monitoring.champion import load_watched
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    return workspace, load_watched(workspace)


@task(name="find new batches", **RETRIES)
def find_new(workspace: Workspace) -> list[Arrival]:
    """Return the accepted batches that nothing was decided on yet."""
    from tasks.monitoring.record import find_new_arrivals

    return list(find_new_arrivals(workspace))


@task(name="decide", task_run_name="decide on {arrival.object}", **RETRIES)
def monitor_arrival(
    workspace: Workspace, champion: ModelVersion | None, arrival: Arrival, cause: str
) -> RecordedDecision:
    """Compare one batch with what the champion knows, judge it, and decide."""
    from tasks.monitoring.page import decision_markdown, drift_rows
    from tasks.monitoring.record import record_decision

    name, logger = workspace.name, run_logger()
    decided = record_decision(workspace, champion, arrival, cause)
    for line in decided.told:
        logger.info(line)
    show_markdown(
        decision_markdown(decided), key=f"decision-{name}", description=escape(arrival.object)
    )
    rows = drift_rows(decided)
    if rows:
        show_table(rows, key=f"drift-{name}", description=escape(arrival.object))
    return decided


@task(name="judge the answers", **RETRIES)
def report_answers(workspace: Workspace) -> dict[str, Any] | None:
    """Judge what was answered in service by the labels that came; end a trial that does badly."""
    from tasks.predictions import judging

    try:
        found = judging.judge_answers(workspace)
    except (IntegrityError, DataError) as error:
        run_logger().warning("What was answered is not judged: %s", error)
        return None
    if found is None:
        return None
    show_markdown(
        found.to_markdown(),
        key=f"answers-{workspace.name}",
        description=escape(f"What was answered since {found.since:%Y-%m-%d %H:%M} UTC"),
    )
    return found.to_dict()


@task(name="report drift", task_run_name="report on {decided.arrival.object}", **RETRIES)
def report_drift(
    workspace: Workspace, champion: ModelVersion | None, decided: RecordedDecision
) -> str | None:
    """Write the page about a batch that drifted, and return its key; None where nothing did."""
    from tasks.monitoring.report import write_drift_page

    try:
        key = write_drift_page(workspace, champion, decided)
    except DataError as error:
        run_logger().warning("No drift page: %s", error)
        return None
    if key is not None:
        show_link(
            workspace.bucket.url(key),
            key=f"drift-report-{workspace.name}",
            link_text="drift report",
            description=escape(decided.arrival.object),
        )
    return key
