"""The log as one worker sees it: answers go into memory at once, and to disk a moment later."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from tasks.predictions.backlog import RESERVE, Backlog
from tasks.predictions.record import Record, encoded, payload
from tasks.store.layout import checked_name

MIB = 2**20
# Bytes of records that make one row of the backlog.
FRAME = MIB
# Bytes of one answer: as many as a parcel, which the shipper holds in memory at once.
LARGEST = 16 * MIB
# Seconds between two looks at what all workers have on the disk: the sum reads a whole index.
MEASURED = 1.0


class Spool:
    """The prediction log of one worker process; any thread of it may add.

    `add` never waits and never raises; a thread writes what it gathered every `seconds`. What is
    over a limit is dropped and counted. `limit_bytes` bounds the backlog, which all workers share,
    half of it one pipeline's part, `buffer_bytes` the memory of this worker. On disk the backlog
    takes up to twice its bytes, and the last `reserve_bytes` of the disk are left to the shipper. A
    process that is killed loses what it had not written. Make it after the last fork.

    Attributes:
        failures: how often the disk refused, `error` says why the last time.
        thread: what writes; it ends when the spool is closed.
    """

    def __init__(
        self,
        folder: Path,
        limit_bytes: int = 512 * MIB,
        seconds: float = 0.25,
        *,
        buffer_bytes: int = 32 * MIB,
        reserve_bytes: int = RESERVE,
    ) -> None:
        self.folder = folder
        self.limit_bytes, self.seconds = limit_bytes, seconds
        self.buffer_bytes, self.reserve_bytes = min(buffer_bytes, limit_bytes), reserve_bytes
        self.failures, self.error = 0, ""
        # Each number has one writer at a time: the first two under the lock, the others our thread.
        self._lock = threading.Lock()
        self._added = self._refused = 0
        self._written = self._lost = 0
        self._stored: dict[str, int] = {}
        self._total, self._measured = 0, -MEASURED
        self._waiting: deque[tuple[str, bytes, int]] = deque()
        self._at_hand: list[tuple[str, bytes, int]] = []
        self._backlog: Backlog | None = None
        self._closed = False
        self._wake = threading.Event()
        self.thread = threading.Thread(target=self._run, name="prediction log", daemon=True)
        self.thread.start()

    @property
    def dropped(self) -> int:
        """How many answers (rows) were dropped so far."""
        return self._refused + self._lost

    @property
    def waiting_bytes(self) -> int:
        """How many bytes are in memory only."""
        return self._added - self._written

    def add(self, pipeline: str, record: Record) -> None:
        """Log what one request was answered; it is encoded before this returns."""
        try:
            # Encoded before the lock, so that no request waits for another's rows.
            data = encoded(record)
            with self._lock:
                self._take(pipeline, data, len(record.ids))
        except Exception as error:  # a request is answered whatever happens to its log
            with self._lock:
                self._refused += len(record.ids) if hasattr(record.ids, "__len__") else 1
            self.error = repr(error)

    def _take(self, pipeline: str, data: bytes, count: int) -> None:
        waiting = self._added - self._written
        part = self._stored.get(pipeline)
        if part is None:
            part = self._stored[checked_name(pipeline)] = 0
        # One pipeline that cannot be shipped leaves room for the others.
        stored = max(waiting + self._total, 2 * part)
        full = len(data) > LARGEST or waiting + len(data) > self.buffer_bytes
        if self._closed or stored > self.limit_bytes or full:
            self._refused += count
        else:
            self._waiting.append((pipeline, data, count))
            self._added += len(data)
        if full or 4 * waiting > self.buffer_bytes:
            self._wake.set()

    def close(self, seconds: float = 10.0) -> None:
        """Write everything; what `seconds` do not suffice for is dropped."""
        self._closed = True
        self._wake.set()
        self.thread.join(seconds)

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(0.8 * self.seconds)  # the write itself takes its part of them
            self._wake.clear()
            self._flush()
        self._flush()
        self._let_go()
        self._lost += sum(count for _, _, count in (*self._at_hand, *self._waiting))

    def _flush(self) -> None:
        try:
            self._backlog = self._backlog or Backlog(self.folder, self.reserve_bytes)
            while self._gathered():
                self._write(self._backlog)
            self._measure(self._backlog)
        except Exception as error:  # the thread outlives whatever a disk does
            self.failures += 1
            self.error = repr(error)
            self._let_go()

    def _gathered(self) -> bool:
        """Take up to a frame at hand, unless what failed before still is."""
        size = 0
        while self._waiting and not (self._at_hand and not size):
            size += len(self._waiting[0][1])
            if size > FRAME and self._at_hand:
                break
            self._at_hand.append(self._waiting.popleft())
        return bool(self._at_hand)

    def _write(self, backlog: Backlog) -> None:
        records: dict[str, list[bytes]] = {}
        for pipeline, data, _ in self._at_hand:
            records.setdefault(pipeline, []).append(data)
        frames = {pipeline: payload(parts) for pipeline, parts in records.items()}
        backlog.put(frames.items())
        for pipeline, data in frames.items():
            self._stored[pipeline] += len(data)
            self._total += len(data)
        self._written += sum(len(data) for _, data, _ in self._at_hand)
        self._at_hand.clear()

    def _measure(self, backlog: Backlog) -> None:
        now = time.monotonic()
        if now - self._measured >= MEASURED:
            self._measured = now
            sizes = backlog.sizes()
            with self._lock:
                self._stored = {**dict.fromkeys(self._stored, 0), **sizes}
            self._total = sum(sizes.values())

    def _let_go(self) -> None:
        backlog, self._backlog = self._backlog, None
        if backlog is not None:
            # a damaged one may fail at this, too, and the thread that writes must not end
            with suppress(Exception):
                backlog.close()
