"""A run whose process and worker were killed is marked as crashed, and one that ended never is."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from deployments.apply.automate import carry_out_automations, plan_automations
from deployments.apply.automations import SILENCE, automations
from deployments.prefect_api import open_client
from tasks.config import Pipeline
from tests.deployments.worker.conftest import told, warm_worker
from tests.orchestration import Orchestrator

pytestmark = [pytest.mark.system, pytest.mark.soak]
BEAT = 30.0  # seconds: the least that Prefect takes
SOON = BEAT + 5
PLANES = Pipeline(name="planes", task="binary", target="late", event_time="at")


def test_a_run_that_died_with_its_worker_crashes_and_no_ended_one(
    deployed: Orchestrator, tmp_path: Path
) -> None:
    assert SILENCE > 3 * BEAT
    (ours,) = (one for one in automations([PLANES]) if one.name.endswith("runs that died"))
    quick = replace(ours, trigger={**ours.trigger, "within": SOON})
    with open_client(deployed.settings) as client:
        plan = plan_automations(client, [quick], {})
        carry_out_automations(client, plan, {}, lambda _: None)
    preload = "tests.deployments.worker.examples"
    with warm_worker(deployed, tmp_path / "log", preload) as warm:
        (tmp_path / "a").mkdir()
        done = warm.run("linger", folder=str(tmp_path / "a"), seconds=2)
        assert done.state.name == "Completed"
        dead = warm.start("linger", folder=str(tmp_path), seconds=600)
        child = psutil.Process(told(tmp_path, "lingers")["pid"])
        time.sleep(2)  # for its first sign of life to arrive
        for process in (psutil.Process(warm.process.pid), *warm.forkservers(), child):
            process.kill()
        ended = warm.ended(dead, seconds=SOON * 3)
    assert ended.state.name == "Crashed"
    assert ended.state.message == "It gave no sign of life any more."
    # Its own silence is older by now: the automation fired for it, and the server refused.
    with open_client(deployed.settings) as client:
        assert client.read_flow_run(done.id).state.name == "Completed"
