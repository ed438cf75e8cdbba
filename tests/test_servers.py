"""The servers that the tests lean on are real and closed."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest

from deployments.local.probe import ask, reads
from tasks.store.s3 import S3Bucket
from tests.servers import S3, Tracking, bucket_is_there, with_bucket

BUCKET, OURS = "closed", "s3://perennial/strangers/models/1"


@pytest.fixture(scope="module")
def own(s3: S3) -> S3:
    """The run's server with a bucket of these tests' own: they write where others would look."""
    return with_bucket(s3, BUCKET)


def test_the_object_store_has_its_bucket(own: S3) -> None:
    assert bucket_is_there(own.settings)


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("volume", "/1,0102030405", 401),
        ("filer", f"/buckets/{BUCKET}/a", 404),
        ("filer", "/buckets/", 404),
        ("master", "/col/delete?collection=perennial", 404),
        ("master", "/dir/assign", 404),
        ("master", "/dir/lookup?volumeId=1&fileId=1,0102030405", 404),
    ],
)
def test_the_inner_ports_give_nothing_without_a_key(
    own: S3, name: str, path: str, status: int
) -> None:
    bucket = S3Bucket(own.settings)
    bucket.put("a", b"kept")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{own.ports.by_name()[name]}{path}", timeout=5)
    with refused.value as answer:
        assert answer.code == status
    assert bucket.get("a") == b"kept"


def test_a_read_tells_whether_the_store_is_well(own: S3) -> None:
    settings = own.settings
    keys = {"AWS_ACCESS_KEY_ID": settings.access_key, "AWS_SECRET_ACCESS_KEY": settings.secret_key}
    base = f"{settings.s3_endpoint}/{settings.bucket}"
    S3Bucket(settings).put("probe", b"1")
    assert reads(f"{base}/probe", keys, settings.region)
    assert reads(f"{base}/absent", keys, settings.region)
    assert not reads(f"{settings.s3_endpoint}/no-such-bucket/a", keys, settings.region)
    assert not reads(f"{base}/probe", {**keys, "AWS_SECRET_ACCESS_KEY": "x"}, settings.region)


def test_large_objects_work_with_the_inner_ports_closed(own: S3, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(os.urandom(1024) * 40 * 1024)
    bucket = S3Bucket(own.settings)
    bucket.upload(source, "large")
    bucket.download("large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


@pytest.mark.system
def test_the_tracking_server_is_the_installed_version(mlflow_tracking: Tracking) -> None:
    assert ask(f"{mlflow_tracking.uri}/version") == (200, metadata.version("mlflow"))


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

    assert post("registered-models", {"name": "strangers"}) == 200
    assert post("model-versions", {"name": "strangers", "source": "s3://attacker/model"}) == 400
    assert post("model-versions", {"name": "strangers", "source": OURS}) == 200
