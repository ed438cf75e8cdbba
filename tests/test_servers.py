"""The servers that the tests lean on are real and closed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from importlib import metadata

import pytest

from mlflow_server.health import version
from tests.servers import S3, Tracking, bucket_is_there


def test_the_object_store_has_its_bucket(s3: S3) -> None:
    assert bucket_is_there(s3.settings)


@pytest.mark.parametrize("name", ["filer", "volume"])
def test_the_inner_ports_refuse_without_a_token(s3: S3, name: str) -> None:
    port = s3.ports.by_name()[name]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/buckets/{s3.settings.bucket}/a", timeout=5)
    with refused.value as answer:
        assert answer.code == 401


@pytest.mark.system
def test_the_tracking_server_is_the_installed_version(mlflow_tracking: Tracking) -> None:
    assert version(mlflow_tracking.uri) == metadata.version("mlflow")


@pytest.mark.system
@pytest.mark.parametrize(
    ("host", "status"), [("10.evil.example", 403), ("localhost:1", 403), ("", 200)]
)
def test_the_tracking_server_checks_the_host(
    mlflow_tracking: Tracking, host: str, status: int
) -> None:
    url = f"{mlflow_tracking.uri}/api/2.0/mlflow/experiments/get?experiment_id=0"
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == status
    except urllib.error.HTTPError as refused:
        with refused:
            assert refused.code == status


@pytest.mark.system
def test_the_tracking_server_refuses_a_strangers_model(mlflow_tracking: Tracking) -> None:
    def post(path: str, document: dict[str, str]) -> int:
        request = urllib.request.Request(
            f"{mlflow_tracking.uri}/api/2.0/mlflow/{path}/create",
            json.dumps(document).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code

    assert post("registered-models", {"name": "a"}) == 200
    assert post("model-versions", {"name": "a", "source": "s3://attacker/model"}) == 400
    assert post("model-versions", {"name": "a", "source": "s3://perennial/a/models/1"}) == 200
