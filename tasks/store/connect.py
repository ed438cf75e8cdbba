"""The bucket that the settings name, opened once a process."""

from __future__ import annotations

from functools import cache

from tasks.settings import Settings
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
