"""Runs of deployments, started and followed on a real server with a real worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployments.apply.act import bring_in_line, parameter_schema
from deployments.apply.plan import DeploymentSpec
from deployments.orchestration import run_deployment
from deployments.prefect_api import deployments_page, open_client, run_page
from tasks.errors import OrchestrationError
from tasks.settings import REPOSITORY, Settings
from tests.orchestration import Orchestrator, running_worker

pytestmark = pytest.mark.system
MODULE = "tests.deployments.apply.greeting"


def spec(flow: str) -> DeploymentSpec:
    entrypoint = f"{MODULE}.{flow}"
    schema = parameter_schema(entrypoint)
    return DeploymentSpec(flow, "planes", entrypoint, parameters={"pipeline": "x"}, schema=schema)


@pytest.fixture(scope="module")
def settings(prefect_server: Orchestrator) -> Iterator[Settings]:
    bring_in_line(prefect_server.settings, [spec("greet"), spec("stumble")])
    yield prefect_server.settings
    bring_in_line(prefect_server.settings, [])


@pytest.fixture(scope="module")
def worker(settings: Settings, prefect_server: Orchestrator) -> Iterator[None]:
    with running_worker(prefect_server):
        yield


def test_without_a_worker_the_run_is_cancelled_and_the_person_told(settings: Settings) -> None:
    lines: list[str] = []
    with pytest.raises(OrchestrationError, match="no worker online in the work pool perennial"):
        run_deployment(settings, "greet", "planes", {}, "test", lines.append, patience=1)
    identifier = lines[0].rpartition("/")[2]
    with open_client(settings) as client:
        state = client.read_flow_run(identifier).state
        assert state is not None
        assert state.is_cancelled()


def test_a_deployment_that_is_not_there_is_named(settings: Settings) -> None:
    with pytest.raises(OrchestrationError, match=r"greet/boats: .*Run `perennial apply`"):
        run_deployment(settings, "greet", "boats", {}, "test", print)


def test_parameters_that_do_not_fit_are_refused_at_once(settings: Settings) -> None:
    with pytest.raises(OrchestrationError, match="times"):
        run_deployment(settings, "greet", "planes", {"times": "often"}, "test", print)


@pytest.mark.usefixtures("worker")
def test_a_run_is_followed_to_its_end(settings: Settings) -> None:
    lines: list[str] = []
    run = run_deployment(settings, "greet", "planes", {"times": 3}, "test", lines.append)
    assert (run.state, run.name) == ("COMPLETED", "greet planes: test"), lines
    assert run.url == run_page(settings, run.id)
    assert lines[0] == f"Started greet planes: test: {run.url}"
    place, *greetings = lines[1:]
    assert greetings == [f"hello planes {number}" for number in range(3)], lines
    folder, _, path = place.removeprefix("in ").partition(" as ")
    assert not folder.startswith(str(REPOSITORY))
    assert path == str(REPOSITORY)


@pytest.mark.usefixtures("worker")
def test_a_run_that_fails_is_returned_with_its_message(settings: Settings) -> None:
    run = run_deployment(settings, "stumble", "planes", {}, "test", lambda _: None)
    assert run.state == "FAILED"
    assert "planes is not well" in run.message


@pytest.mark.usefixtures("worker")
def test_an_interrupted_command_leaves_the_run_going(settings: Settings) -> None:
    lines: list[str] = []

    def interrupted(line: str) -> None:
        lines.append(line)
        if line.startswith("in "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_deployment(settings, "greet", "planes", {}, "test", interrupted)
    address = lines[0].removeprefix("Started greet planes: test: ")
    assert lines[-1] == f"The run goes on. Follow it at {address}"
    with open_client(settings) as client:
        run = client.read_flow_run(address.rpartition("/")[2])
        assert run.state is not None
        assert run.state.is_running() or run.state.is_completed()


def test_the_pages_are_those_of_the_server() -> None:
    there = Settings("http://x", "a", "b", "c", prefect_url="http://127.0.0.1:4200/api/")
    assert deployments_page(there) == "http://127.0.0.1:4200/deployments"
    assert run_page(there, "7") == "http://127.0.0.1:4200/runs/flow-run/7"
