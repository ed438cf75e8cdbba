"""The servers that the tests lean on are real and closed."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from base64 import b64encode
from importlib import metadata
from pathlib import Path

import pytest

from deployments.local.probe import reads
from tasks.errors import TrackingError
from tasks.store.s3 import S3Bucket
from tasks.tracking.registry import read_aliases, read_move
from tests.servers import OWNER, S3, VIEWER, Tracking, bucket_is_there, with_bucket

BUCKET = "closed"


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


API = "/api/2.0/mlflow"
SEARCH = f"{API}/registered-models/search"
Login = tuple[str, str] | None
THE_OWNER, THE_VIEWER = ("owner", OWNER), ("viewer", VIEWER)


def asked(
    server: Tracking,
    path: str,
    document: object = None,
    login: Login = THE_OWNER,
    **headers: str,
) -> tuple[int, bytes]:
    """GET, or POST `document` as JSON; return the status and the body."""
    data = None if document is None else json.dumps(document).encode()
    if login is not None:
        headers["Authorization"] = f"Basic {b64encode(':'.join(login).encode()).decode()}"
    if data is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(f"{server.uri}{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


@pytest.mark.system
def test_the_tracking_server_is_the_installed_version(mlflow_tracking: Tracking) -> None:
    assert asked(mlflow_tracking, "/version") == (200, metadata.version("mlflow").encode())
    assert asked(mlflow_tracking, "/health", login=None)[0] == 200


@pytest.mark.system
@pytest.mark.parametrize(
    ("login", "status"),
    [
        (None, 401),
        (("owner", "guessed"), 401),
        (("owner", VIEWER), 401),
        (("", ""), 401),
        (THE_VIEWER, 200),
        (THE_OWNER, 200),
    ],
)
def test_the_tracking_server_asks_who_it_is(
    mlflow_tracking: Tracking, login: Login, status: int
) -> None:
    for path in (SEARCH, "/", "/graphql", "/get-artifact?path=a&run_uuid=b", "/version"):
        came = asked(mlflow_tracking, path, login=login)[0]
        assert (came == 401) == (status == 401), path
    assert asked(mlflow_tracking, SEARCH, login=login)[0] == status


@pytest.mark.system
def test_a_client_with_a_wrong_password_is_told_what_to_set(
    mlflow_tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "guessed")
    with pytest.raises(TrackingError, match="Check MLFLOW_TRACKING_USERNAME"):
        read_aliases(mlflow_tracking.uri, "a")


@pytest.mark.system
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "10.evil.example"}, 421),
        ({"Host": "localhost:1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 200),
    ],
)
def test_the_tracking_server_checks_host_and_origin(
    mlflow_tracking: Tracking, headers: dict[str, str], status: int
) -> None:
    assert asked(mlflow_tracking, SEARCH, **headers)[0] == status


@pytest.mark.system
def test_a_viewer_reads_and_changes_nothing(mlflow_tracking: Tracking) -> None:
    wanted = {"experiment_ids": ["0"], "max_results": 1}
    assert asked(mlflow_tracking, f"{API}/runs/search", wanted, THE_VIEWER)[0] == 200
    for path, document in (
        ("experiments/create", {"name": "of a viewer"}),
        ("registered-models/create", {"name": "of-a-viewer"}),
        ("registered-models/alias", {"name": "a", "alias": "champion", "version": "1"}),
    ):
        status, text = asked(mlflow_tracking, f"{API}/{path}", document, THE_VIEWER)
        assert (status, text) == (403, b"viewer may read, and change nothing\n"), path
    assert asked(mlflow_tracking, f"{API}/experiments/create", {"name": "of a viewer"})[0] == 200


@pytest.mark.system
def test_the_tracking_server_hands_out_no_object_of_the_bucket(
    mlflow_tracking: Tracking,
) -> None:
    def made(path: str, **document: str) -> int:
        return asked(mlflow_tracking, f"{API}/{path}/create", document)[0]

    assert made("registered-models", name="strangers") == 200
    assert made("model-versions", name="strangers", source="s3://attacker/model") == 400
    assert made("model-versions", name="strangers", source="s3://perennial/a/curated") == 400
    assert made("model-versions", name="strangers", source="s3://perennial/mlflow/1") == 200
    assert made("experiments", name="away", artifact_location="s3://perennial/a") == 403
    assert made("experiments", name="away", artifactLocation="s3://perennial/a") == 403
    assert made("experiments", name="here", artifact_location="mlflow-artifacts:/here") == 200


@pytest.mark.system
def test_who_moves_an_alias_is_noted(mlflow_tracking: Tracking) -> None:
    uri = mlflow_tracking.uri
    assert asked(mlflow_tracking, f"{API}/registered-models/create", {"name": "moved"})[0] == 200
    version = {"name": "moved", "source": "s3://perennial/mlflow/1"}
    for _ in range(2):
        assert asked(mlflow_tracking, f"{API}/model-versions/create", version)[0] == 200
    move = {"name": "moved", "alias": "champion", "version": "1"}
    page = {"User-agent": "Mozilla/5.0"}
    assert (
        asked(mlflow_tracking, "/ajax-api/2.0/mlflow/registered-models/alias", move, **page)[0]
        == 200
    )
    noted = read_move(uri, "moved", "champion")
    assert noted is not None
    assert (noted.version, noted.by) == ("1", "owner, on MLflow's page")
    assert read_move(uri, "moved", "challenger") is None
    # one that the server refuses leaves the alias where it is, and nobody's name at it
    away = asked(mlflow_tracking, f"{API}/registered-models/alias", {**move, "version": "9"})
    assert away[0] == 404
    assert read_move(uri, "moved", "champion") is None
    long = {**move, "more": "x" * 70_000}
    assert asked(mlflow_tracking, f"{API}/registered-models/alias", long)[0] == 413
