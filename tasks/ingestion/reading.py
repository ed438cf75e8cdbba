"""Who reads a large object: one run at a time, by a lease (`tasks.store.lease`).

A run that begins while a large object is read finds it pending too, and would read and judge it as
well, as would each that a further arrival starts: what lands is right, and the machine does the
work again and again. What lands is decided by the table's transactions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.ingestion.entrance import Entrance
from tasks.store.bucket import Bucket, ObjectInfo
from tasks.store.lease import is_held, leased


@dataclass(frozen=True)
class Lease:
    """From how many bytes on an object is leased, and for how many seconds.

    Below, to read it twice costs less than to ask. The seconds are what an object waits at most
    after a run that read it died.
    """

    size: int = 16 * 1024**2
    seconds: float = 60.0

    def covers(self, info: ObjectInfo) -> bool:
        """Say whether it is worth one."""
        return info.size >= self.size


def find_unread(
    bucket: Bucket, entrance: Entrance, pending: Sequence[ObjectInfo], lease: Lease
) -> tuple[ObjectInfo, ...]:
    """Return the objects that no other run reads now, in their order."""
    now = datetime.now(UTC)
    return tuple(
        info
        for info in pending
        if not (lease.covers(info) and is_held(bucket, entrance.reading(info), now, lease.seconds))
    )


@contextmanager
def reading(bucket: Bucket, entrance: Entrance, info: ObjectInfo, lease: Lease) -> Iterator[None]:
    """Hold the lease of an object, if it is worth one, for as long as the block runs.

    Raises:
        HeldElsewhere: another run holds it.
    """
    if not lease.covers(info):
        yield
        return
    where = entrance.reading(info)
    with leased(bucket, where, lease.seconds, entrance.flow, info.key):
        yield


def forget_reading(bucket: Bucket, entrance: Entrance, info: ObjectInfo, lease: Lease) -> None:
    """Remove what a run left that died after it had looked at the object."""
    if lease.covers(info):
        bucket.delete(entrance.reading(info))
