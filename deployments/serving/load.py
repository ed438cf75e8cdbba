"""How busy a worker is, and when it refuses what it could only answer late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deployments.serving.response import SOON, Response, error

# Seconds of work that a worker takes on in one round of its loop, which reads all that has come
# since the last one: so who is let in waits for at most two such rounds. It is counted in the
# thread's own processor time, so that a machine that stalls refuses nobody.
ROUND = 0.25
# Large bodies that wait for a thread: beyond, each would wait for seconds.
WAITING = 32
# Seconds of which the share of work is told.
TOLD_OVER = 5.0
WHY = "this server has as much to do as it can answer in time"


class Load:
    """Bounds what one worker takes on, and tells how much that is; used by its loop alone."""

    def __init__(self, most: float = ROUND, waiting: int = WAITING) -> None:
        self._most, self._room, self._waiting = most, waiting, 0
        # of this round: in the thread's processor time, and by the clock
        self._began: float | None = None
        self._begun_at = 0.0
        self._busy, self._share = 0.0, 0.0
        self._told = (time.monotonic(), 0.0)

    def refuse(self) -> Response | None:
        """Return the refusal of a request that comes when this round has enough to do."""
        now = time.thread_time()
        if self._began is None:
            self._began, self._begun_at = now, time.monotonic()
            _soon(self._end_round)
            return None
        return error(503, WHY, SOON) if now - self._began >= self._most else None

    def refuse_large(self) -> Response | None:
        """Return the refusal of a request that a thread is to answer, where too many wait."""
        return error(503, WHY, SOON) if self._waiting >= self._room else None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count a request that a thread answers."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def share(self) -> float:
        """Return how loaded the worker is: 0 idle, 1 as much as it can.

        It is the share of the last seconds that went into rounds of requests, or of the room for
        large ones, whichever is more.
        """
        (since, before), now = self._told, time.monotonic()
        if now - since >= TOLD_OVER:
            busy = self._busy
            self._share = min(1.0, (busy - before) / (now - since))
            self._told = now, busy
        return max(self._share, self._waiting / self._room)

    def _end_round(self) -> None:
        # called by the loop once all that had come is read; by the clock, for a worker that other
        # processes keep from its processor is as full as one that computes
        self._busy += time.monotonic() - self._begun_at
        self._began = None


def _soon(callback: Callable[[], None]) -> None:
    try:
        asyncio.get_running_loop().call_soon(callback)
    except RuntimeError:  # without a loop every request is a round
        callback()
