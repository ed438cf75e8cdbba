"""Runs of deployments, started and followed on a real server with a real worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deployments.apply.act import bring_in_line, parameter_schema
from deployments.apply.plan import DeploymentSpec
from deployments.orchestration import run_deployment
from deployments.prefect_api import deployments_page, open_client, run_page
from deployments.session import follow
from tasks.errors import OrchestrationError
from tasks.settings import REPOSITORY, Settings
from tests.life import toy_workspace
from tests.orchestration import Orchestrator, running_worker
from tests.proxy import proxied

pytestmark = pytest.mark.system
MODULE = "tests.deployments.apply.greeting"


def spec(flow: str) -> DeploymentSpec:
    entrypoint = f"{MODULE}.{flow}"
    schema = parameter_schema(entrypoint)
    return DeploymentSpec(flow, "planes", entrypoint, parameters={"pipeline": "x"}, schema=schema)


@pytest.fixture(scope="module")
def settings(prefect_server: Orchestrator) -> Iterator[Settings]:
    specs = [spec("greet"), spec("stumble"), spec("falter")]
    bring_in_line(prefect_server.settings, specs)
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
def test_a_run_is_followed_over_a_restart_of_the_server(settings: Settings) -> None:
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if line.startswith("Started"):
            proxy.mode = "reset"
        if "gives no answer" in line:
            proxy.mode = "open"

    port = urlsplit(settings.prefect_url).port or 0
    with proxied(port) as proxy:
        # the server answers under its own name alone
        theirs, own = (f"127.0.0.1:{number}".encode() for number in (proxy.port, port))
        proxy.ask = lambda piece: piece.replace(theirs, own)
        proxy.mode = "reset"
        reached = replace(settings, prefect_url=f"{proxy.address}/api")
        run = run_deployment(reached, "greet", "planes", {"times": 2}, "test", say)
    assert run.state == "COMPLETED", lines
    told = [line.partition(" (")[0] for line in lines]
    # once for its start, once while it is followed
    assert told.count("Prefect gives no answer") == 2
    assert sum(line.startswith("Prefect answers again") for line in lines) == 2
    assert "hello planes 1" in lines


@pytest.mark.usefixtures("worker")
def test_a_run_that_met_a_server_that_was_away_is_started_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    folder = tmp_path / "bucket"
    told = {"PERENNIAL_BUCKET": folder.as_uri(), "PERENNIAL_SIGNING_KEY": "key"}
    told |= {"PREFECT_API_URL": settings.prefect_url, "PERENNIAL_HOME": str(tmp_path)}
    for name, text in told.items():
        monkeypatch.setenv(name, text)
    toy = toy_workspace(tmp_path)
    workspace = replace(toy, name="planes")
    outcome = follow(workspace, "falter", {"bucket": str(folder)}, lines.append)
    assert outcome["pipeline"] == "planes"
    started = [line for line in lines if line.startswith("Started falter planes")]
    assert len(started) == 2
    (again,) = [line for line in lines if line.endswith("It is started again.")]
    assert "the store answers in time" in again


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
