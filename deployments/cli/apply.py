"""The command `apply`: bring deployments and schedules in line with the pipeline files."""

from __future__ import annotations

from collections.abc import Callable

import click

from deployments.apply.act import apply as apply_plan
from deployments.apply.plan import Plan
from deployments.cli.output import complete_pipeline, reporting, say, show
from deployments.local.stack import connect
from deployments.prefect_api import patiently
from tasks.config import find_pipeline
from tasks.settings import Settings, home_folder, pipelines_folder


@reporting
@click.argument("name", required=False, shell_complete=complete_pipeline)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def apply(name: str | None, dry_run: bool, as_json: bool) -> None:
    """Create, update and remove deployments and schedules so that they match the pipeline files.

    With NAME, those of that pipeline alone.
    """
    if name is not None:
        find_pipeline(name, pipelines_folder())
    plan = apply_all(say if not as_json else lambda _: None, only=name, dry_run=dry_run)
    show(plan.to_dict(), as_json, lambda: "Nothing to change." if plan.empty else "Applied.")


def apply_all(
    tell: Callable[[str], None], *, only: str | None = None, dry_run: bool = False
) -> Plan:
    """Apply every pipeline file, or `only` one; show the difference first.

    Raises:
        Busy: the Prefect server stayed too busy; what was done by then is found done.
    """
    connect(home_folder())
    settings, folder = Settings.from_environment(), pipelines_folder()
    first: list[Plan] = []

    def show_first(plan: Plan) -> None:
        # Shown before anything is done: what goes wrong half-way is told against it. After a busy
        # server it is planned again, and finds what is in line by then.
        if not first:
            first.append(plan)
            tell(plan.to_text())

    patiently(lambda: apply_plan(settings, folder, only=only, dry_run=dry_run, tell=show_first))
    return first[0]
