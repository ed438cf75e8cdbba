"""What nobody goes on with and nobody waits for is taken out of the bucket, and nothing else."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import psutil
import pytest

from tasks.errors import StoreError
from tasks.settings import Settings
from tasks.store.layout import result, run_outcome
from tasks.store.local import OWN, LocalBucket
from tasks.store.s3 import S3Bucket
from tasks.store.tidying import EVERY, MARK, OUTCOMES_KEPT, Tidied, claim, tidy
from tests.servers import S3, poll, running_s3

MIB = 1024 * 1024


def test_old_outcomes_go_and_all_else_stays(tmp_path: Path) -> None:
    bucket, now = LocalBucket(tmp_path), datetime.now(UTC)
    keep = [result("ab12", "tune.json"), "toy/incoming/a.csv"]
    for key in (*keep, run_outcome("r1"), run_outcome("r2")):
        bucket.put(key, b"{}")
    assert tidy(bucket, now) == Tidied(0, 0)
    assert tidy(bucket, now + OUTCOMES_KEPT + timedelta(minutes=1)) == Tidied(0, 2)
    assert [info.key for info in bucket.list("")] == keep


def test_it_is_done_once_an_hour(tmp_path: Path) -> None:
    assert claim(tmp_path / "home")
    assert not claim(tmp_path / "home")
    long_ago = time.time() - EVERY - 1
    os.utime(tmp_path / "home" / MARK, (long_ago, long_ago))
    assert claim(tmp_path / "home")


def test_a_local_write_that_was_killed_is_abandoned(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path)
    (tmp_path / OWN / "writing" / "half").write_bytes(b"half")
    assert bucket.abandon_uploads(timedelta(days=1)) == 0
    assert bucket.abandon_uploads(timedelta(seconds=-1)) == 1
    assert bucket.abandon_uploads(timedelta(seconds=-1)) == 0


def client(settings: Settings) -> boto3.client:
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        region_name=settings.region,
    )


def begun(settings: Settings) -> list[str]:
    """Return the keys that uploads in parts were begun for and not ended."""
    found = client(settings).list_multipart_uploads(Bucket=settings.bucket)
    return [upload["Key"] for upload in found.get("Uploads", ())]


def test_an_upload_that_goes_on_is_left_and_one_cut_short_is_ended(s3: S3) -> None:
    bucket = S3Bucket(s3.settings)
    asked = {"Bucket": s3.settings.bucket, "Key": "a/cut"}
    upload = client(s3.settings).create_multipart_upload(**asked)["UploadId"]
    client(s3.settings).upload_part(**asked, UploadId=upload, PartNumber=1, Body=b"x" * 5 * MIB)
    assert bucket.abandon_uploads(timedelta(hours=1)) == 0
    assert begun(s3.settings) == ["a/cut"]
    assert bucket.abandon_uploads(timedelta(seconds=-5)) == 1
    assert begun(s3.settings) == []


@pytest.mark.soak
@pytest.mark.system
def test_a_store_killed_in_mid_upload_keeps_the_old_object_and_no_parts(
    short_home: Path, tmp_path: Path
) -> None:
    home, source = short_home / "killed", tmp_path / "large"
    source.write_bytes(os.urandom(MIB) * 150)
    with running_s3(home) as first, ThreadPoolExecutor(1) as pool:
        bucket = S3Bucket(first.settings, patience=1)
        bucket.put("large", b"old")
        upload = pool.submit(bucket.upload, source, "large")
        poll(lambda: begun(first.settings) == ["large"], 20, "the upload's begin", every=0.01)
        (store,) = (
            process
            for process in psutil.process_iter(["name"])
            if process.info["name"] == "weed" and str(home) in " ".join(process.cmdline())
        )
        os.kill(store.pid, signal.SIGKILL)
        with pytest.raises(StoreError):
            upload.result(120)
    with running_s3(home, again=first) as again:
        bucket = S3Bucket(again.settings)
        assert bucket.get("large") == b"old"
        assert begun(again.settings) == ["large"]
        assert tidy(bucket, datetime.now(UTC)).uploads == 0
        assert bucket.abandon_uploads(timedelta(0)) == 1
        assert begun(again.settings) == []
        assert bucket.upload(source, "large").size == 150 * MIB
