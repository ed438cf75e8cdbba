"""A challenger in shadow: it answers after the champion, on a thread of its own, into the log."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from deployments.serving.rounds import Rounds
from tasks.predictions.record import Record
from tasks.serving.served import Served, ServedChallenger

# Rows: twice what one request may hold.
WAITING = 20_000
# Seconds until the next try after whatever ended one.
AFTER_A_FAILURE = 1.0


class Offered(NamedTuple):
    """The rows of one request, their ids, who asked and when."""

    challenger: ServedChallenger
    rows: Sequence[Mapping[str, Any]]
    ids: Sequence[str]
    sender: str
    at: float


class Shadowing:
    """Answers what was offered, oldest first; what comes while `waiting` rows wait is skipped.

    What it answered goes into the `log`, if that `keeps` such answers.

    Attributes:
        skipped: rows that were offered and not answered.
    """

    def __init__(
        self,
        log: Callable[[str, Record], None],
        waiting: int = WAITING,
        rounds: Rounds | None = None,
        keeps: Callable[[Served, int], bool] = lambda *_: True,
    ) -> None:
        self.skipped, self._rounds = 0, rounds or Rounds()
        self._log, self._keeps = log, keeps
        self._offered: deque[Offered] = deque()
        self._limit, self._waiting = waiting, 0
        self._lock, self._wake, self._closed = (
            threading.Lock(),
            threading.Event(),
            threading.Event(),
        )
        self._rounds.begin("shadow", self._run, AFTER_A_FAILURE, self._closed)

    def offer(
        self,
        challenger: ServedChallenger,
        rows: Sequence[Mapping[str, Any]],
        ids: Sequence[str],
        sender: str = "",
    ) -> None:
        """Take one request's rows; it neither fails nor waits."""
        with self._lock:
            if self._waiting + len(rows) > self._limit or challenger.over:
                self.skipped += len(rows)
                return
            self._waiting += len(rows)
            self._offered.append(Offered(challenger, rows, ids, sender, time.time()))
        self._wake.set()

    def close(self, seconds: float = 2.0) -> None:
        """Answer what waits, for so long."""
        self._closed.set()
        self._wake.set()
        self._rounds.join("shadow", seconds)

    def _run(self) -> None:
        while not self._closed.is_set() or self._offered:
            if not self._offered:
                self._wake.wait()
                self._wake.clear()
                continue
            offered = self._offered.popleft()
            try:
                self._answer(offered)
            finally:
                with self._lock:
                    self._waiting -= len(offered.rows)
            del offered  # it would keep a model in memory that is tried no more

    def _answer(self, offered: Offered) -> None:
        challenger, rows, ids, sender, at = offered
        served = challenger.served
        try:
            made = served.answer(served.read(rows))
        except Exception as failure:  # whatever it is, it is the challenger's, and nobody waits
            challenger.count(len(rows), sender, failure)
            return
        challenger.count(len(rows), sender)
        if self._keeps(served, len(rows)):
            manifest, told = served.manifest, served.loggable(rows)
            record = Record(manifest.version, "shadow", at, ids, told, *made, sender)
            self._log(manifest.pipeline, record)
