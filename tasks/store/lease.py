"""Who works on a thing of the bucket: one run at a time, by a lease that it renews while it lives.

Nothing here decides what lands: that is for the writes themselves, also where two runs do the same
because a clock slipped, or a lease ran out under a run that stood still.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tasks.documents import seal, unseal_bytes
from tasks.errors import IntegrityError, NotFound, PreconditionFailed, StoreError
from tasks.faults import external_write
from tasks.records import plain, read
from tasks.signatures import canonical
from tasks.store.bucket import Bucket

RENEWALS = 3  # in the time of one lease: a renewal may be late, or be lost
LOOKS = 20  # in that time, of who waits for a lease to run out


@dataclass(frozen=True)
class Holding:
    """A run that works on something, and until when others leave it alone."""

    holder: str
    until: datetime

    def is_on(self, now: datetime, seconds: float) -> bool:
        """Say whether it holds; what ends later than a lease can was written by a wrong clock.

        >>> noon = datetime(2026, 1, 1, 12)
        >>> ends = (-1, 30, 61, 6 * 3600)
        >>> [Holding("a", noon + timedelta(seconds=end)).is_on(noon, 60) for end in ends]
        [False, True, False, False]
        """
        return timedelta(0) < self.until - now <= timedelta(seconds=seconds)


class HeldElsewhere(PreconditionFailed):
    """Another run works on it at this moment."""


@contextmanager
def leased(
    bucket: Bucket, where: str, seconds: float, flow: str, what: str, *, outwait: bool = False
) -> Iterator[None]:
    """Hold the lease that lies at `where` for as long as the block runs.

    Args:
        bucket, where: of the lease.
        seconds: what others wait at most after a run that held it died.
        flow: names the writes, for tests that die at them.
        what: it is for, for the error.
        outwait: wait until a lease that nobody renews has run out.

    Raises:
        HeldElsewhere: another run holds it.
    """
    held = _Held(bucket, where, seconds, flow, what)
    if outwait:
        held.outwait()
    else:
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


def is_held(bucket: Bucket, where: str, now: datetime, seconds: float) -> bool:
    """Say whether a run holds the lease that lies there."""
    found = _holding(bucket, where)
    return found is not None and found.is_on(now, seconds)


class _Held:
    """One lease, by one run."""

    def __init__(self, bucket: Bucket, where: str, seconds: float, flow: str, what: str) -> None:
        self._bucket, self._where, self._seconds = bucket, where, seconds
        self._flow, self._what = flow, what
        self._holder, self._etag = uuid.uuid4().hex, ""
        self._stopped, self._lost = threading.Event(), False

    def take(self) -> None:
        """Take the lease: the first that comes, or the first after it ran out.

        Raises:
            HeldElsewhere: another run holds it, or was faster.
        """
        with external_write(f"{self._flow}.lease"):
            try:
                self._etag = self._put(if_absent=True)
            except PreconditionFailed:
                try:
                    self._etag = self._take_over()
                except PreconditionFailed as error:
                    rule = "one run works on it at a time"
                    raise HeldElsewhere(self._what, rule, "another run does") from error

    def outwait(self) -> None:
        """Take the lease, of a run that died once it ran out; raises as `take`."""
        seen = None
        while True:
            try:
                return self.take()
            except HeldElsewhere:
                now = _holding(self._bucket, self._where)
                # it was renewed, or taken by another
                if seen is not None and now is not None and now != seen:
                    raise
                seen = seen or now
            time.sleep(self._seconds / LOOKS)

    def renew(self) -> None:
        """Renew the lease until it is given back, or lost."""
        while not self._stopped.wait(self._seconds / RENEWALS):
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
            with external_write(f"{self._flow}.unlease"):
                self._bucket.delete(self._where)

    def _take_over(self) -> str:
        info = self._bucket.head(self._where)
        if info is None:  # given back just now
            return self._put(if_absent=True)
        if is_held(self._bucket, self._where, datetime.now(UTC), self._seconds):
            raise PreconditionFailed(self._where, "the lease ran out")
        return self._put(if_match=info.etag)

    def _put(self, *, if_absent: bool = False, if_match: str | None = None) -> str:
        until = datetime.now(UTC) + timedelta(seconds=self._seconds)
        data = canonical(seal("reading", plain(Holding(self._holder, until))))
        return self._bucket.put(self._where, data, if_absent=if_absent, if_match=if_match).etag


def _holding(bucket: Bucket, where: str) -> Holding | None:
    try:
        return read(Holding, unseal_bytes("reading", bucket.get(where), where), where)
    # one that cannot be read holds nobody up
    except (NotFound, IntegrityError):
        return None
