"""How busy a worker is, and how many large bodies wait in it for a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deployments.serving.response import SOON, Response, error

# Large bodies that wait for a thread: beyond, each would wait for seconds.
WAITING = 32
# Seconds of which the share of work is told.
TOLD_OVER = 5.0
WHY = "this server has as much to do as it can answer in time"


class Load:
    """Tells how much one worker does, and bounds its large bodies; used by its loop alone."""

    def __init__(self, waiting: int = WAITING) -> None:
        self._room, self._waiting = waiting, 0
        self._began: float | None = None
        self._busy, self._share = 0.0, 0.0
        self._told = (time.monotonic(), 0.0)

    def begin(self) -> None:
        """Note that a request is answered: from here to the end of the loop's round it is busy."""
        if self._began is None:
            self._began = time.monotonic()
            _soon(self._end_round)

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
        # called by the loop once all that had come is read
        assert self._began is not None, "a round was begun"
        self._busy += time.monotonic() - self._began
        self._began = None


def _soon(callback: Callable[[], None]) -> None:
    try:
        asyncio.get_running_loop().call_soon(callback)
    except RuntimeError:  # without a loop every request is a round
        callback()
