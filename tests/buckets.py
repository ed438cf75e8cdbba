"""A bucket of a test's own, in a folder that goes when nobody holds the bucket any more."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import TypeVar

from tasks.store.local import LocalBucket

Kind = TypeVar("Kind", bound=LocalBucket)


def local(kind: type[Kind] = LocalBucket) -> Kind:  # type: ignore[assignment]
    """Return an empty local bucket."""
    folder = tempfile.TemporaryDirectory(prefix="pn-bucket-")
    bucket = kind(Path(folder.name))
    weakref.finalize(bucket, folder.cleanup)
    return bucket
