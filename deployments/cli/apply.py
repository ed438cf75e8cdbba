"""The command `apply`: bring deployments and schedules in line with the pipeline files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import click

from deployments.apply.act import apply as apply_plan
from deployments.apply.plan import Plan
from deployments.cli.output import complete_pipeline, reporting, say, show
from deployments.local.connection import connect
from deployments.prefect_api import patiently
from tasks.config import find_pipeline
from tasks.settings import Settings, bucket_is_folder, home_folder, pipelines_folder

EVERY = 2.0  # seconds between two lines of progress


@reporting
@click.argument("name", required=False, shell_complete=complete_pipeline)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def apply(name: str | None, dry_run: bool, as_json: bool) -> None:
    """Create, update and remove deployments and schedules so that they match the pipeline files.

    With NAME, those of that pipeline alone.
    """
    if name is not None:
        find_pipeline(name, pipelines_folder())
    if bucket_is_folder() and not os.environ.get("PREFECT_API_URL"):
        # what a folder needs no server for would else be refused for want of one
        told = "Nothing to apply: with a folder as the bucket, each command runs its flow itself."
        show({"applied": False}, as_json, lambda: told)
        return
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
    progress = Progress(tell)
    # After a busy server it is planned again, and finds what is in line by then.
    patiently(
        lambda: apply_plan(
            settings, folder, only=only, dry_run=dry_run, tell=progress.begin, step=progress.step
        )
    )
    return progress.plans[0]


class Progress:
    """Tells what will change before anything is done, and every few seconds how much is done.

    What goes wrong half-way is told against the first plan; one that is made after it is shorter.
    """

    def __init__(self, tell: Callable[[str], None], every: float = EVERY) -> None:
        self.plans: list[Plan] = []
        self._tell, self._every, self._spoke, self._left = tell, every, 0.0, 0

    def begin(self, plan: Plan) -> None:
        """Take what is to be done."""
        if not self.plans:
            self._tell(plan.to_text())
        self.plans.append(plan)
        self._spoke, self._left = time.monotonic(), plan.changes

    def step(self, done: int) -> None:
        """Take how many more are done."""
        self._left -= done
        if self._left and time.monotonic() - self._spoke >= self._every:
            self._spoke, whole = time.monotonic(), self.plans[0].changes
            self._tell(f"{whole - self._left} of {whole} done")
