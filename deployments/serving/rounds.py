"""Threads that do their work again and again, whatever comes of a round."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

# Seconds that a thread's rounds may fail for until readiness says so.
PATIENCE = 30.0
# Seconds: the longest pause after failures in a row, unless the thread's own is longer.
LONGEST = 8.0
log = logging.getLogger("perennial.serving")


class Rounds:
    """The threads of one process that must not end; `failed` hears the name of one that failed.

    Attributes:
        failures: how many rounds of each thread failed.
    """

    def __init__(
        self, failed: Callable[[str], None] = lambda _: None, patience: float = PATIENCE
    ) -> None:
        self.failures: dict[str, int] = {}
        self._failed, self._patience = failed, patience
        self._threads: dict[str, threading.Thread] = {}
        self._since: dict[str, float] = {}

    def begin(
        self,
        name: str,
        work: Callable[[], object],
        every: float,
        stop: threading.Event,
        *,
        daemon: bool = True,
    ) -> threading.Event:
        """Start a thread that works until `stop`; return what is set after its first round."""
        self.failures[name], first = 0, threading.Event()
        given = (name, work, every, stop, first)
        thread = threading.Thread(target=self._go_on, name=name, args=given, daemon=daemon)
        self._threads[name] = thread
        thread.start()
        return first

    def watch(self, thread: threading.Thread) -> None:
        """Let readiness tell of a thread that goes on by itself."""
        self._threads[thread.name] = thread

    def join(self, name: str, seconds: float | None = None) -> None:
        """Wait until a thread ended, after its `stop` was set, for so many seconds at most."""
        self._threads[name].join(seconds)

    def ill(self) -> str:
        """Return which thread does not do its work, or an empty text.

        One that only waits, for a store that hangs, is not ill: what is in service stays.
        """
        now = time.monotonic()
        for name, thread in tuple(self._threads.items()):
            if not thread.is_alive():
                return f"the thread `{name}` ended; start the server again"
            if now - self._since.get(name, now) > self._patience:
                return f"the thread `{name}` fails since {self._patience:g} s; the log says why"
        return ""

    def _go_on(
        self,
        name: str,
        work: Callable[[], object],
        every: float,
        stop: threading.Event,
        first: threading.Event,
    ) -> None:
        in_a_row = 0
        while True:
            try:
                work()
                in_a_row = 0
                self._since.pop(name, None)
            # not `Exception`: a panic in Rust code (Delta Lake's) is none, nor is `sys.exit`
            except BaseException:
                in_a_row += 1
                self._note(name)
            first.set()
            if stop.wait(min(every * 2 ** min(in_a_row, 10), max(every, LONGEST))):
                return

    def _note(self, name: str) -> None:
        self._since.setdefault(name, time.monotonic())
        self.failures[name] += 1
        log.exception("a round of the thread `%s` failed; the next one follows", name)
        self._failed(name)
