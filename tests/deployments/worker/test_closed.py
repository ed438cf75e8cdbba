"""What a run is started with: nothing that it brings, and the keys of its flow. No server."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from deployments.worker.closed import ENGINE, ClosedConfiguration, find_module
from deployments.worker.kind import KEYS, OF_MLFLOW
from deployments.worker.warm import WarmConfiguration
from tasks.errors import ConfigurationError


def deployment(entrypoint: str = "flows.training.train", **more: Any) -> DeploymentResponse:
    return DeploymentResponse(name="toy", flow_id=uuid4(), entrypoint=entrypoint, **more)


def prepared(
    of: DeploymentResponse | None,
    kind: type[ClosedConfiguration] = ClosedConfiguration,
    pool: Mapping[str, Any] = MappingProxyType({}),
    **job_variables: Any,
) -> ClosedConfiguration:
    """Return what the worker would start for a run, whose pool's template came to `pool`."""
    made = kind(**pool)
    made.prepare_for_flow_run(FlowRun(flow_id=uuid4(), job_variables=job_variables), of)
    return made


@pytest.mark.parametrize("kind", [ClosedConfiguration, WarmConfiguration])
@pytest.mark.parametrize(
    "brought",
    [
        {"command": "sh -c id"},
        {"env": {"A": "1"}},
        {"env.A": "1"},
        {"working_dir": "/"},
        {"stream_output": False},
        {"env": {}, "command": ENGINE},
    ],
)
def test_what_a_run_or_its_deployment_brings_is_refused(
    kind: type[ClosedConfiguration], brought: dict[str, Any]
) -> None:
    rule = "a run brings nothing of its own but its parameters"
    with pytest.raises(ConfigurationError, match=rule):
        prepared(deployment(), kind, **brought)
    with pytest.raises(ConfigurationError, match=rule):
        prepared(deployment(job_variables=brought), kind)


def test_a_pool_that_was_changed_starts_nothing_else() -> None:
    theirs = {"command": "sh -c id", "env": {"A": "1"}, "working_dir": "/"}
    made = prepared(deployment(), pool=theirs)
    assert (made.command, made.working_dir, "A" in made.env) == (ENGINE, None, False)


def test_the_command_of_an_older_release_is_ours_anyway() -> None:
    assert prepared(deployment(job_variables={"command": ENGINE})).command == ENGINE


@pytest.mark.parametrize(
    ("entrypoint", "withheld"),
    [
        ("flows.training.train", ()),
        ("flows.reconciling.reconcile", ()),
        ("flows.ingestion.ingest", OF_MLFLOW),
        ("somebody.flow", (*KEYS, *OF_MLFLOW)),
        ("flows/training.py:train", (*KEYS, *OF_MLFLOW)),
    ],
)
def test_a_run_gets_the_keys_of_its_flow(
    entrypoint: str, withheld: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*KEYS, *OF_MLFLOW):
        monkeypatch.setenv(name, "a secret")
    made = prepared(deployment(entrypoint))
    assert {name for name in (*KEYS, *OF_MLFLOW) if made.env[name] is None} == set(withheld)
    assert made.env["PREFECT_API_AUTH_STRING"]


def test_code_that_is_fetched_first_is_no_module_of_ours() -> None:
    assert find_module(None) is None
    fetched = deployment(pull_steps=[{"prefect.deployments.steps.set_working_directory": {}}])
    assert find_module(fetched) is None
    env = prepared(fetched, WarmConfiguration).env
    assert [env[name] for name in KEYS] == [None] * len(KEYS)
