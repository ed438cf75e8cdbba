"""What is particular to a bucket in a folder; what all buckets promise is in tests/contracts."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tasks.errors import AccessDenied, ConfigurationError, StoreError
from tasks.store.local import LEFT_OVER, OWN, LocalBucket


@pytest.mark.parametrize("name", ["a bucket", "50%", "was#1", "größe"])
def test_a_folder_that_tables_are_not_found_in_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="Choose another folder"):
        LocalBucket(tmp_path / name)


def test_a_file_that_a_person_puts_there_is_an_object_of_now(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path / "bucket")
    source = tmp_path / "old.csv"
    source.write_text("id\n1\n")
    os.utime(source, (1, 1))
    (tmp_path / "bucket" / "toy" / "incoming").mkdir(parents=True)
    source.rename(tmp_path / "bucket" / "toy" / "incoming" / "old.csv")
    (info,) = bucket.list("toy/incoming/")
    assert info.modified.timestamp() > time.time() - 60
    assert bucket.get(info.key) == b"id\n1\n"
    assert bucket.folders() == ("toy",)


def test_what_a_killed_writer_left_is_swept_and_never_an_object(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path)
    left = tmp_path / OWN / "writing" / "half"
    left.write_bytes(b"half")
    assert list(bucket.list("")) == []
    long_ago = time.time() - LEFT_OVER.total_seconds() - 60
    os.utime(left, (long_ago, long_ago))
    LocalBucket(tmp_path)
    assert not left.exists()


def test_a_key_inside_an_object_or_the_buckets_own_folder_is_refused(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path)
    bucket.put("a", b"")
    with pytest.raises(StoreError, match=r"is an object itself|there is such an object"):
        bucket.put("a/b", b"")
    with pytest.raises(StoreError, match="the bucket's own"):
        bucket.put(f"{OWN}/lock", b"")


def test_a_bucket_that_went_away_is_told_by_who_looks_for_folders(tmp_path: Path) -> None:
    bucket = LocalBucket(tmp_path / "bucket")
    shutil.rmtree(bucket.folder)
    with pytest.raises(StoreError, match="bucket"):
        bucket.folders()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(AccessDenied, match="the folder can be used"):
        LocalBucket(tmp_path / "bucket")
