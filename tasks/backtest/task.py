"""The backtest as Prefect tasks: pin, fill the fit table, replay, report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task

from tasks.errors import StoreUnavailable, TrackingError
from tasks.pages.markdown import escape
from tasks.retries import retried
from tasks.runs import run_logger, show_link, show_markdown, show_table
from tasks.settings import Settings

if TYPE_CHECKING:
    from tasks.backtest.plan import BacktestPlan
    from tasks.backtest.result import Backtest
    from tasks.backtest.table import FitTable

# A repeated fill finds what it kept in the bucket and fits only the rest.
RETRIES = retried(StoreUnavailable)


@task(name="pin backtest", **RETRIES)
def pin(
    pipeline: str, policies: list[str] | None, rows: int | None, start: float | None
) -> BacktestPlan:
    """Pin the backtest to the data, the labels, the code and the champion's setting."""
    from tasks.backtest.pinning import plan_backtest
    from tasks.workspace import open_workspace

    workspace = open_workspace(Settings.from_environment(), pipeline)
    plan = plan_backtest(workspace, policies, rows, start)
    run_logger().info("Data version %d, fitted with %s", plan.data.version, plan.origin)
    return plan


@task(name="fit and judge", **RETRIES)
def fill(plan: BacktestPlan) -> FitTable:
    """Fit every model of the history once, and judge it on every later batch."""
    from tasks.backtest.table import fit_history
    from tasks.store.costs import keeping_cost
    from tasks.workspace import open_place

    place, logger = open_place(Settings.from_environment(), plan.pipeline.name), run_logger()
    with keeping_cost(place.bucket, place.layout, "backtest"):
        found = fit_history(place, plan, logger.info)
    for end, why in found.refused.items():
        logger.warning("No model after %s: %s", found.history.batches[end].name, why)
    return found


@task(name="replay policies", **RETRIES)
def advise(plan: BacktestPlan, filled: FitTable) -> Backtest:
    """Replay the history under every policy, and say which one to take."""
    from tasks.backtest.result import compare_policies

    found = compare_policies(filled.history, plan.policies, plan.limits, plan.delay, plan.own)
    run_logger().info(found.recommendation.why)
    return found


@task(name="report backtest", **RETRIES)
def report_backtest(plan: BacktestPlan, filled: FitTable, backtest: Backtest) -> dict[str, Any]:
    """Write the page and the figures, show them, and return the outcome."""
    from tasks.backtest.page import HEADS, figure_rows
    from tasks.backtest.report import write_backtest
    from tasks.store.connect import open_bucket

    bucket, name = open_bucket(Settings.from_environment()), plan.pipeline.name
    outcome = write_backtest(bucket, plan, filled, backtest)
    rows = [dict(zip(HEADS, row, strict=True)) for row in figure_rows(backtest)]
    why = escape(backtest.recommendation.why)
    show_table(rows, key=f"backtest-{name}", description=why)
    lines = [
        why,
        *map(escape, backtest.notes),
        f"```yaml\n{backtest.recommendation.yaml}\n```",
    ]
    show_markdown("\n\n".join(lines), key=f"backtest-advice-{name}")
    url = bucket.url(outcome["report"]["html"])
    show_link(url, key=f"backtest-page-{name}", link_text="policy backtest")
    return {**outcome, "page": url}


@task(name="track policies", **RETRIES)
def track(plan: BacktestPlan, backtest: Backtest) -> str | None:
    """Write a run a policy to MLflow; a server that is down costs the runs, not the backtest."""
    from datetime import UTC, datetime

    from tasks.backtest.report import course_records
    from tasks.tracking.courses import track_courses

    server = Settings.from_environment().mlflow_uri
    if server is None:
        return None
    try:
        return track_courses(
            server, plan.pipeline.name, course_records(plan, backtest), datetime.now(UTC)
        )
    except TrackingError as error:
        run_logger().warning("No runs in MLflow: %s", error)
        return None
