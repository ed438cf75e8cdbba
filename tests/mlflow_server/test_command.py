"""The tracking server's command line says what DESIGN promises of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_server.command import PASSWORDS, ServerSettings, command, environment, model_sources
from mlflow_server.serve import main

SETTINGS = ServerSettings(Path("/srv/state"), "perennial", "a-secret", "another", port=5123)


def test_hosts_and_origins_are_exact() -> None:
    env = environment(SETTINGS)
    assert env["MLFLOW_SERVER_ALLOWED_HOSTS"] == "127.0.0.1:5123,localhost:5123"
    origins = env["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"]
    assert origins == "http://127.0.0.1:5123,http://localhost:5123"


def test_the_command_line_is_understood_by_the_server() -> None:
    serve = command(SETTINGS)[3:]
    assert dict(zip(serve[::2], serve[1::2], strict=True)) == {
        "--host": "127.0.0.1",
        "--port": "5123",
        "--backend-store-uri": "sqlite:////srv/state/mlflow.db",
        "--artifacts-destination": "s3://perennial/mlflow",
    }


@pytest.mark.system
def test_every_variable_is_one_that_mlflow_knows() -> None:
    from mlflow import environment_variables

    ours = [name for name in environment(SETTINGS) if name.startswith("MLFLOW_")]
    assert [name for name in ours if not hasattr(environment_variables, name)] == []


def test_jobs_and_telemetry_are_off() -> None:
    off = environment(SETTINGS)
    assert off["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert off["MLFLOW_DISABLE_TELEMETRY"] == "true"


@pytest.mark.parametrize(
    "source",
    [
        "mlflow-artifacts:/1/models/m-0a/artifacts",
        "runs:/0a1b/model",
        "models:/m-0a1b",
        "s3://perennial/mlflow/1/models/m-0a/artifacts",
    ],
)
def test_our_own_sources_pass(source: str) -> None:
    assert re.search(model_sources("perennial"), source)


@pytest.mark.parametrize(
    "source",
    [
        "s3://attacker/model",
        "s3://perennial.attacker/model",
        "s3://perennial",
        "s3://perennial/flights/models/1",
        "s3://perennial/mlflow-of-another/1",
        "s3://perennial/mlflow/../flights/curated/part.parquet",
        "http://attacker/model",
        "file:///etc/passwd",
        "/etc/passwd",
        "mlflow-artifacts://attacker/1",
        "mlflow-artifacts:/1/../../2",
        "mlflow-artifacts:/1/%2e%2e/2",
        "x s3://perennial/a",
        "s3://perennial/a\ns3://attacker/b",
        "",
    ],
)
def test_foreign_sources_are_refused(source: str) -> None:
    assert not re.search(model_sources("perennial"), source)


@given(st.text(max_size=40))
def test_a_dot_in_the_bucket_is_a_dot(tail: str) -> None:
    assert not re.search(model_sources("a.b"), f"s3://axb/mlflow/{tail}")


def test_the_passwords_reach_the_server_and_no_command_line_shows_them() -> None:
    told = environment(SETTINGS)
    assert [told[variable] for _, variable in PASSWORDS] == ["a-secret", "another"]
    assert "a-secret" not in f"{command(SETTINGS)} {SETTINGS}"


def test_without_passwords_the_server_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORDS[0][1], "a-secret")
    with pytest.raises(SystemExit, match=PASSWORDS[1][1]):
        main(list(command(SETTINGS)[3:]))
