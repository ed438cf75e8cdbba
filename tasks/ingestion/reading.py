"""Who reads a large object: one run at a time, by a lease that it renews while it lives.

A run that begins while a large object is read finds it pending too, and would read and judge it as
well, as would each that a further arrival starts: what lands is right, and the machine does the
work again and again. Nothing here decides what lands: the table's transactions do, also where two
runs read one object because a clock slipped, or a lease ran out under a run that stood still.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tasks.documents import unseal_bytes
from tasks.errors import IntegrityError, NotFound, PreconditionFailed, StoreError
from tasks.faults import external_write
from tasks.ingestion.entrance import Entrance, seal_document
from tasks.records import plain, read
from tasks.store.bucket import Bucket, ObjectInfo

RENEWALS = 3  # in the time of one lease: a renewal may be late, or be lost


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


@dataclass(frozen=True)
class ReadingRun:
    """A run that reads an object, and until when others leave it alone."""

    holder: str
    until: datetime

    def is_on(self, now: datetime, lease: Lease) -> bool:
        """Say whether it holds; what ends later than a lease can was written by a wrong clock.

        >>> noon = datetime(2026, 1, 1, 12)
        >>> ends = (-1, 30, 61, 6 * 3600)
        >>> [ReadingRun("a", noon + timedelta(seconds=end)).is_on(noon, Lease()) for end in ends]
        [False, True, False, False]
        """
        return timedelta(0) < self.until - now <= timedelta(seconds=lease.seconds)


class ReadElsewhere(PreconditionFailed):
    """Another run reads the object at this moment."""


def find_unread(
    bucket: Bucket, entrance: Entrance, pending: Sequence[ObjectInfo], lease: Lease
) -> tuple[ObjectInfo, ...]:
    """Return the objects that no other run reads now, in their order."""
    now = datetime.now(UTC)
    return tuple(
        info
        for info in pending
        if not (lease.covers(info) and _is_read(bucket, entrance.reading(info), now, lease))
    )


@contextmanager
def reading(bucket: Bucket, entrance: Entrance, info: ObjectInfo, lease: Lease) -> Iterator[None]:
    """Hold the lease of an object, if it is worth one, for as long as the block runs.

    Raises:
        ReadElsewhere: another run holds it.
    """
    if not lease.covers(info):
        yield
        return
    held = _Held(bucket, entrance, info, lease)
    held.take()
    thread = threading.Thread(target=held.renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    # not where the process is told to end: what is left runs out by itself
    except Exception:
        held.stop(thread)
        held.give_back()
        raise
    finally:
        held.stop(thread)
    held.give_back()


def forget_reading(bucket: Bucket, entrance: Entrance, info: ObjectInfo, lease: Lease) -> None:
    """Remove what a run left that died after it had looked at the object."""
    if lease.covers(info):
        bucket.delete(entrance.reading(info))


class _Held:
    """The lease of one object, by one run."""

    def __init__(self, bucket: Bucket, entrance: Entrance, info: ObjectInfo, lease: Lease) -> None:
        self._bucket, self._entrance, self._lease = bucket, entrance, lease
        self._key, self._where = info.key, entrance.reading(info)
        self._holder, self._etag = uuid.uuid4().hex, ""
        self._stopped, self._lost = threading.Event(), False

    def take(self) -> None:
        """Take the lease: the first that comes, or the first after it ran out.

        Raises:
            ReadElsewhere: another run holds it, or was faster.
        """
        with external_write(f"{self._entrance.flow}.lease"):
            try:
                self._etag = self._put(if_absent=True)
            except PreconditionFailed:
                try:
                    self._etag = self._take_over()
                except PreconditionFailed as error:
                    rule = "one run reads it at a time"
                    raise ReadElsewhere(self._key, rule, "another run reads it") from error

    def renew(self) -> None:
        """Renew the lease until it is given back, or lost."""
        while not self._stopped.wait(self._lease.seconds / RENEWALS):
            try:
                self._etag = self._put(if_match=self._etag)
            except PreconditionFailed:
                self._lost = True
                return
            except StoreError:
                continue  # there are two more tries until it runs out

    def stop(self, thread: threading.Thread) -> None:
        """Renew no more."""
        self._stopped.set()
        thread.join()

    def give_back(self) -> None:
        """Let the next run have it; one that was lost is another's."""
        if not self._lost:
            with external_write(f"{self._entrance.flow}.unlease"):
                self._bucket.delete(self._where)

    def _take_over(self) -> str:
        info = self._bucket.head(self._where)
        if info is None:  # given back just now
            return self._put(if_absent=True)
        if _is_read(self._bucket, self._where, datetime.now(UTC), self._lease):
            raise PreconditionFailed(self._where, "the lease ran out")
        return self._put(if_match=info.etag)

    def _put(self, *, if_absent: bool = False, if_match: str | None = None) -> str:
        until = datetime.now(UTC) + timedelta(seconds=self._lease.seconds)
        said = dict(plain(ReadingRun(self._holder, until)))
        data = seal_document("reading", said)
        return self._bucket.put(self._where, data, if_absent=if_absent, if_match=if_match).etag


def _is_read(bucket: Bucket, where: str, now: datetime, lease: Lease) -> bool:
    try:
        told = unseal_bytes("reading", bucket.get(where), where)
        return read(ReadingRun, told, where).is_on(now, lease)
    # one that cannot be read holds nobody up
    except (NotFound, IntegrityError):
        return False
