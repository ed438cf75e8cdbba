"""Someone else's bucket on a real store, opened with the keys that the file names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import ConfigurationError, SourceUnavailable
from tasks.store.s3 import S3Bucket
from tasks.workspace import Workspace
from tests.servers import S3
from tests.tasks.collection.api import toy_rows
from tests.tasks.collection.scenes import collecting, ingest, run
from tests.tasks.collection.test_bucket import lines

pytestmark = pytest.mark.system


def opened(folder: Path, s3: S3, **more: str) -> Workspace:
    keys = {"access": "THEIR_KEY", "secret": "THEIR_SECRET"}
    where = {"bucket": s3.settings.bucket, "endpoint": s3.settings.s3_endpoint, **more}
    return collecting(folder, kind="bucket", prefix="theirs/", keys=keys, retries=0, **where)


def test_objects_come_from_a_store_and_what_is_wrong_is_told(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIR_KEY", s3.settings.access_key)
    monkeypatch.setenv("THEIR_SECRET", s3.settings.secret_key)
    theirs = S3Bucket(s3.settings)
    theirs.put("theirs/b.jsonl", lines(5))
    theirs.put("theirs/deep/a.jsonl", lines(5, 5))
    workspace = opened(tmp_path, s3)
    assert len(run(workspace).keys) == 2
    assert run(workspace).keys == ()
    assert ingest(workspace) == [row["id"] for row in toy_rows(10)]
    with pytest.raises(ConfigurationError, match="Check bucket, prefix and endpoint"):
        run(opened(tmp_path / "other", s3, bucket="nobodys-bucket"))
    with pytest.raises(SourceUnavailable, match="no connection"):
        run(opened(tmp_path / "away", s3, endpoint="http://127.0.0.1:9"))
    monkeypatch.setenv("THEIR_SECRET", "another")
    with pytest.raises(ConfigurationError, match=r"Check what source\.collect\.keys name"):
        run(opened(tmp_path / "refused", s3))
