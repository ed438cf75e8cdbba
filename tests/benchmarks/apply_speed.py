"""`perennial apply` on many pipelines, against a plain script that makes as many things.

    python -m tests.benchmarks.apply_speed [--pipelines 100]

The plain script asks the same server with Prefect's own client, one call a deployment and an
automation. Requests are those in the server's own access log; its CPU is of its one process.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.schemas.automations import AutomationCore

from deployments.apply.act import apply, bring_in_line
from deployments.apply.plan import DeploymentSpec, Plan
from deployments.prefect_api import open_client
from tasks.settings import Settings
from tests.orchestration import Orchestrator, running_prefect
from tests.servers import LOGINS

PIPELINE = """\
name: {name}
task: binary
target: y
event_time: t
retraining: {{schedule: '0 6 1 * *'}}
"""
ACCESS_LOG = {"PREFECT_SERVER_LOGGING_LEVEL": "INFO"}


@dataclass(frozen=True)
class Took:
    """What one way took: wall seconds, requests, seconds of the server's CPU."""

    seconds: float
    requests: int
    cpu: float

    def __str__(self) -> str:
        """Return the figures in a line."""
        each = 1000 * self.seconds / max(1, self.requests)
        return (
            f"{self.seconds:5.1f} s, {self.requests:4} requests ({each:.0f} ms each), "
            f"{self.cpu:.1f} s of the server's CPU"
        )


def measured(server: Orchestrator, act: Callable[[], object]) -> Took:
    """Do it, and return what it took."""
    process = next(
        child
        for child in psutil.Process().children()
        if "deployments.local.serve_prefect" in child.cmdline()
    )

    def stand() -> tuple[float, int, float]:
        cpu, log = process.cpu_times(), (server.home / "prefect.log").read_text()
        return time.perf_counter(), log.count(' HTTP/1.1" '), cpu.user + cpu.system

    before = stand()
    act()
    return Took(*(now - then for now, then in zip(stand(), before, strict=True)))


def create_plainly(settings: Settings, plan: Plan) -> None:
    """Make the deployments of a plan, and as many automations, with Prefect's own client."""
    with open_client(settings) as client:
        for spec in plan.create:
            deploy(client, spec)
        for name in plan.automations["create"]:
            trigger = {"type": "event", "expect": ["never"], "match": {"prefect.resource.id": name}}
            client.create_automation(
                AutomationCore.model_validate(
                    {"name": f"plain: {name}", "trigger": trigger, "actions": []}
                )
            )


def deploy(client: SyncPrefectClient, spec: DeploymentSpec) -> None:
    """Make one deployment as Prefect's own documentation does."""
    crons = [CronSchedule(cron=spec.schedule, timezone="UTC")] if spec.schedule else []
    client.create_deployment(
        client.create_flow_from_name(spec.flow),
        f"plain-{spec.pipeline}",
        entrypoint=spec.entrypoint,
        description=spec.description,
        parameters=dict(spec.parameters),
        schedules=[DeploymentScheduleCreate(schedule=cron) for cron in crons],
        tags=["plain"],
        work_pool_name=spec.work_pool,
        concurrency_limit=spec.concurrency,
        parameter_openapi_schema=dict(spec.schema),
        enforce_parameter_schema=True,
    )


def main() -> None:
    """Print each beside its goal and the plain script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipelines", type=int, default=100)
    asked = parser.parse_args()
    os.environ.update(LOGINS)
    with tempfile.TemporaryDirectory(prefix="pn-") as temporary:
        folder = Path(temporary).resolve()
        files = folder / "pipelines"
        files.mkdir()
        for number in range(asked.pipelines):
            name = f"shop-{number:03}"
            (files / f"{name}.yaml").write_text(PIPELINE.format(name=name))
        with running_prefect(folder / "server", ACCESS_LOG) as server:
            plans: list[Plan] = []

            def tell(what: str, act: Callable[[], object], goal: str = "") -> Took:
                took = measured(server, act)
                print(f"{what:6} {took}{goal}", flush=True)
                return took

            def bring() -> Plan:
                return apply(server.settings, files, tell=plans.append)

            first = tell("first", bring, "; goal for 100: 15 s")
            tell("second", bring, "; goal for 100: 5 s")
            tell("gone", lambda: bring_in_line(server.settings, []))
            plain = tell("plain", lambda: create_plainly(server.settings, plans[0]))
    made = (
        f"{len(plans[0].create)} deployments and {len(plans[0].automations['create'])} automations"
    )
    ratio = plain.seconds / first.seconds
    print(f"{made}: the plain script takes {ratio:.1f} times as long as `apply`")


if __name__ == "__main__":
    main()
