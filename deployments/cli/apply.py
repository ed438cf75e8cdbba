"""The command `apply`: bring deployments and schedules in line with the pipeline files."""

from __future__ import annotations

from collections.abc import Callable

import click

from deployments.apply.act import apply as apply_plan
from deployments.apply.plan import Plan
from deployments.cli.output import reporting, say, show
from deployments.local.stack import connect
from tasks.settings import Settings, home_folder, pipelines_folder


@reporting
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def apply(dry_run: bool, as_json: bool) -> None:
    """Create, update and remove deployments and schedules so that they match the pipeline files."""
    plan = apply_all(say if not as_json else lambda _: None, dry_run=dry_run)
    show(plan.to_dict(), as_json, lambda: "Nothing to change." if plan.empty else "Applied.")


def apply_all(tell: Callable[[str], None], *, dry_run: bool = False) -> Plan:
    """Apply every pipeline file; show the difference first."""
    connect(home_folder())
    # Shown before anything is done: what goes wrong half-way is told against it.
    settings, folder = Settings.from_environment(), pipelines_folder()
    plan = apply_plan(settings, folder, dry_run=True)
    tell(plan.to_text())
    return plan if dry_run or plan.empty else apply_plan(settings, folder)
