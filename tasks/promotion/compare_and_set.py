"""Pointers that several processes change, each only what it has read, and the word that one did."""

from __future__ import annotations

import uuid
from contextlib import suppress

from tasks.errors import StoreError
from tasks.store.bucket import Bucket
from tasks.store.exchange import exchange
from tasks.store.layout import result

# Written anew after each change of any pointer: one small look tells who follows them all.
MOVED = result("pointers", "moved")


def swapped(bucket: Bucket, key: str, data: bytes, etag: str | None) -> str:
    """Put a pointer in the place of the one with this entity tag; raises as `exchange`."""
    tag = exchange(bucket, key, data, etag)
    # the swap is done, whether or not this is: who follows looks at each pointer in turn, too
    with suppress(StoreError):
        bucket.put(MOVED, f"{key} {uuid.uuid4()}\n".encode())
    return tag
