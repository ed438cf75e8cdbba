"""Small JSON objects that several processes change, each only what it has read."""

from __future__ import annotations

from tasks.errors import NotFound, PreconditionFailed
from tasks.store.bucket import Bucket

# Such an object changes a few times a day: five changes within five looks are no chance.
READS = 5


def steady(bucket: Bucket, key: str) -> tuple[bytes, str] | None:
    """Return an object's bytes and their entity tag, or None where there is no object.

    Raises:
        PreconditionFailed: it changed at every look.
    """
    # `get` says no tag: bytes and tag belong together only where nothing changed around it
    for _ in range(READS):
        before = bucket.head(key)
        if before is None:
            return None
        try:
            data = bucket.get(key)
        # taken away since: the next look says so
        except NotFound:
            continue
        after = bucket.head(key)
        if after is not None and after.etag == before.etag:
            return data, after.etag
    raise PreconditionFailed(key, "it stays as it is while it is read", None, "Try again later.")


def exchange(bucket: Bucket, key: str, data: bytes, etag: str | None) -> str:
    """Put bytes in the place of those with this entity tag (None: of nothing); return the new one.

    Raises:
        PreconditionFailed: somebody else changed the object; nothing was written.
    """
    try:
        return bucket.put(
            key, data, if_absent=etag is None, if_match=etag, content_type="application/json"
        ).etag
    except PreconditionFailed:
        # a write whose answer was lost and that was then repeated loses against itself
        now = steady(bucket, key)
        if now is None or now[0] != data:
            raise
        return now[1]
