"""Pass wake-ups on in the background, with a few tries, so that no sender waits for Prefect."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID, uuid4

from tasks.errors import bounded
from tasks.events.arrival import Arrived
from tasks.events.gathering import Gathering, WakeUp

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # a server that is restarted is back after some 15 s
LAST_TRY = 3.0  # seconds; what is killed after them the reconciler finds

Announce = Callable[[Sequence[WakeUp], UUID], None]
log = logging.getLogger("perennial.receiver")


class Forwarder:
    """One task that passes on what is due; while it tries, what arrives is gathered."""

    def __init__(
        self, announce: Announce, gathering: Gathering, pauses: Sequence[float] = PAUSES
    ) -> None:
        self._announce = announce
        self._gathering = gathering
        self._pauses = pauses
        self._news = asyncio.Event()
        self._in_hand: tuple[WakeUp, ...] = ()
        self._call = uuid4()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "announce")

    def take(self, arrived: Sequence[Arrived]) -> None:
        """Take arrivals in; return at once."""
        left = self._gathering.add(arrived, time.monotonic())
        if left:
            log.warning("Too many pipelines at once: %d objects wait for the reconciler.", left)
        self._news.set()

    def start(self) -> None:
        """Begin to pass on."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Try once more, for a few seconds, to pass on all that is there; then stop."""
        # Ended first, so that nobody else takes from what is in hand or gathered.
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        left = (*self._in_hand, *self._gathering.rest())
        if left:
            # What is in hand may have got through: under its own name Prefect would drop the rest.
            self._call = uuid4()
            try:
                await asyncio.wait_for(self._try(left), LAST_TRY)
            except Exception as error:
                _lost(left, error)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        with suppress(Exception):
            # Connected before the first event, which is the one that is waited for.
            await self._try(())
        while True:
            await self._until_due()
            self._in_hand, self._call = self._gathering.due(time.monotonic()), uuid4()
            if self._in_hand:
                await self._pass_on()
            self._in_hand = ()

    async def _until_due(self) -> None:
        # Cleared before it is looked: what comes between the two sets it again.
        self._news.clear()
        due = self._gathering.next_due()
        wait = None if due is None else max(0.0, due - time.monotonic())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), wait)

    async def _pass_on(self) -> None:
        for pause in (*self._pauses, None):
            try:
                await self._try(self._in_hand)
            except Exception as error:
                # Whatever it is, the next wake-up must find this task alive.
                if pause is None:
                    _lost(self._in_hand, error)
                    return
                await asyncio.sleep(pause)
            else:
                for wake in self._in_hand:
                    log.info("%s: %d arrived, passed on", wake.pipeline, wake.objects)
                return

    async def _try(self, wakes: Sequence[WakeUp]) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._announce, wakes, self._call)


def _lost(wakes: Sequence[WakeUp], error: Exception) -> None:
    named = ", ".join(f"{wake.pipeline} ({wake.objects})" for wake in wakes)
    why = bounded(f"{type(error).__name__}: {error}", 500)
    log.warning("Not passed on, the reconciler will find them: %s. %s", bounded(named, 500), why)
