"""The bucket that the settings name, opened once a process."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from tasks.settings import FOLDER, Settings
from tasks.store.bucket import Bucket


@cache
def open_bucket(settings: Settings) -> Bucket:
    """Return the bucket: a local folder where the settings name one, else on S3.

    Raises:
        ConfigurationError: the address or the bucket's name cannot be one.
        StoreError: the folder cannot be made.
    """
    # One for all: a client of S3 takes longer to make than most requests.
    if settings.folder is not None:
        from tasks.store.local import LocalBucket

        return LocalBucket(settings.folder)
    from tasks.store.s3 import S3Bucket

    return S3Bucket(settings)


def tell_address(bucket: Bucket) -> str:
    """Return what another process opens the same bucket by; it holds no secret."""
    from tasks.store.local import LocalBucket

    return f"{FOLDER}{bucket.where}" if isinstance(bucket, LocalBucket) else bucket.name


def reopen_bucket(address: str) -> Bucket:
    """Return the bucket at this address; one on S3 by what this process's environment says.

    Raises:
        ConfigurationError: the environment does not say how to reach it.
    """
    if address.startswith(FOLDER):
        from tasks.store.local import LocalBucket

        return LocalBucket(Path(address.removeprefix(FOLDER)))
    return open_bucket(Settings.from_environment({**os.environ, "PERENNIAL_BUCKET": address}))
