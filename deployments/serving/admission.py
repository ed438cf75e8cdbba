"""Who is let in: by their keys, and so often."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping

from deployments.serving.response import Response, error
from deployments.serving.routes import Found
from tasks.serving.keys import Key, TokenBucket, digest

Known = Callable[[], Mapping[str, Key] | None]
# Wrong keys a second that one sender gets an answer to; whoever has a key is never counted.
WRONG_KEYS = 20.0
# Senders that are remembered for their wrong keys: anybody can come from many addresses.
MOST_PEERS = 1000
# Seconds between two log lines of what one sender is refused for.
TOLD_EVERY = 10.0
log = logging.getLogger("perennial.serving")


class Tally:
    """How many requests of one sender were refused for one reason, and when that was told last."""

    def __init__(self) -> None:
        self.count, self._told = 0, -math.inf

    def is_to_be_told(self, now: float) -> bool:
        """Count one more, and tell whether the log is to hear of it."""
        self.count += 1
        due = now - self._told >= TOLD_EVERY
        if due:
            self._told = now
        return due


class Wrong(Tally):
    """The wrong keys of one sender, and how many more may come."""

    def __init__(self, now: float) -> None:
        super().__init__()
        self.bucket = TokenBucket(WRONG_KEYS, now)


class Admission:
    """Knows who may ask for what.

    `known` returns the API keys by digest, or None to let everybody in. A key's rate is shared out
    evenly among the `workers`. `refused` hears of each wrong key.
    """

    def __init__(
        self, known: Known, workers: int = 1, refused: Callable[[], None] = lambda: None
    ) -> None:
        self._known, self._workers, self._refused = known, workers, refused
        self._buckets: dict[str, TokenBucket] = {}
        self._wrong: dict[str, Wrong] = {}
        self._often: dict[str, Tally] = {}

    @property
    def closed(self) -> bool:
        """Whether keys are asked for."""
        return self._known() is not None

    def admit(self, found: Found, headers: Mapping[bytes, bytes], peer: str) -> Response | str:
        """Return why the sender may not ask there, or the name of their key, empty without one."""
        known = self._known()
        if known is None or found.route.access == "open":
            return ""
        secret = _secret(headers)
        # found by its digest: how long the search takes tells nothing of any key
        key = known.get(digest(secret)) if secret else None
        if key is None:
            return (self._note_wrong(peer) if secret else None) or _unknown()
        if not key.may(found.pipeline):
            return error(403, f"this key does not open {found.pipeline}")
        wait = self._wait(key)
        if not wait:
            return key.name
        often = self._often.setdefault(key.name, Tally())
        if often.is_to_be_told(time.monotonic()):
            log.warning("%d requests with the key %s came too often", often.count, key.name)
        return _too_often(self._say_rate(key), wait)

    def may_know(self, found: Found, headers: Mapping[bytes, bytes]) -> bool:
        """Tell whether the sender may hear of a pipeline what its address, open to all, hides."""
        known = self._known()
        key = None if known is None else known.get(digest(_secret(headers)))
        return known is None or (key is not None and key.may(found.pipeline))

    def name_of(self, headers: Mapping[bytes, bytes]) -> str:
        """Return whose key a request came with, or an empty text."""
        known, secret = self._known(), _secret(headers)
        key = known.get(digest(secret)) if known and secret else None
        return "" if key is None else key.name

    def _wait(self, key: Key) -> float:
        if not key.rate:
            return 0.0
        now, rate = time.monotonic(), key.rate / self._workers
        bucket = self._buckets.get(key.digest)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[key.digest] = TokenBucket(rate, now)
        return bucket.wait(now)

    def _say_rate(self, key: Key) -> str:
        said = f"this key has {key.rate:g} requests a second"
        if self._workers == 1:
            return said
        # each worker counts for itself, and one connection is one worker's
        own = f"{key.rate / self._workers:g}"
        return f"{said}, {own} at each of {self._workers} workers; ask on several connections"

    def _note_wrong(self, peer: str) -> Response | None:
        """Count a wrong key, tell of it now and then, and refuse too many."""
        self._refused()
        now, wrong = time.monotonic(), self._wrong.get(peer)
        if wrong is None:
            if len(self._wrong) >= MOST_PEERS:
                self._wrong.clear()
            wrong = self._wrong[peer] = Wrong(now)
        if wrong.is_to_be_told(now):
            log.warning("%d requests with a wrong key came from %s", wrong.count, peer or "nobody")
        wait = wrong.bucket.wait(now)
        return _too_often("too many wrong keys came from this address", wait) if wait else None


def _unknown() -> Response:
    challenge = (b"www-authenticate", b"Bearer")
    return error(401, "an API key is needed: `Authorization: Bearer KEY`", challenge)


def _too_often(why: str, wait: float) -> Response:
    return error(429, why, (b"retry-after", str(math.ceil(wait)).encode()))


def _secret(headers: Mapping[bytes, bytes]) -> str:
    bearer = headers.get(b"authorization", b"")
    if bearer[:7].lower() == b"bearer ":
        return bearer[7:].strip().decode("latin-1")
    return headers.get(b"x-api-key", b"").strip().decode("latin-1")
