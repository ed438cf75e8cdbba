"""The log as one worker sees it: answers go into memory at once, and to disk a moment later."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tasks.errors import ConfigurationError
from tasks.predictions.frames import framed
from tasks.predictions.record import encoded, payload
from tasks.predictions.segment import Segment
from tasks.store.layout import checked_name

MIB = 2**20
FRAME = MIB
LARGEST = 16 * MIB
MEASURED = 1.0
WORKER = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Lane:
    """One pipeline's way to the disk: answers in memory, the frame at hand, the open file.

    `stored` is what lies in its folder.
    """

    def __init__(self) -> None:
        self.stored = 0
        self.waiting: deque[tuple[bytes, int]] = deque()
        self.frame: tuple[bytes, int, int] | None = None
        self.segment: Segment | None = None

    def next(self) -> tuple[bytes, int, int] | None:
        """Return the frame to write, its answers, and the bytes of memory it stands for.

        A frame that failed is returned again until `frame` is None.
        """
        if self.frame is None and self.waiting:
            records: list[bytes] = []
            answers = size = 0
            while self.waiting and (not records or size + len(self.waiting[0][0]) <= FRAME):
                data, count = self.waiting.popleft()
                records.append(data)
                answers, size = answers + count, size + len(data)
            self.frame = (framed(payload(records)), answers, size)
        return self.frame


class Spool:
    """The prediction log of one worker process; any thread of it may add.

    `add` never waits and never raises; a thread writes what it gathered every `seconds`. What is
    over a limit is dropped and counted. `limit_bytes` bounds the folder, which all workers and
    the shipper share, half of it one pipeline's part, `buffer_bytes` the memory of this worker. A
    file is closed for shipping at `segment_bytes` or after `segment_seconds`. A process that is
    killed loses what it had not written; files are not flushed against a loss of power. Make it
    after the last fork.

    Attributes:
        failures: how often the disk refused, `error` says why the last time.

    Raises:
        ConfigurationError: the worker's name is no part of a file name.
    """

    def __init__(
        self,
        folder: Path,
        worker: str,
        limit_bytes: int = 512 * MIB,
        seconds: float = 0.25,
        *,
        buffer_bytes: int = 32 * MIB,
        segment_bytes: int = 8 * MIB,
        segment_seconds: float = 5.0,
    ) -> None:
        if not WORKER.fullmatch(worker):
            rule = "1 to 64 letters, digits, - or _"
            raise ConfigurationError("worker", rule, repr(worker), "Choose another name.")
        self.folder, self.worker = folder, worker
        self.limit_bytes, self.seconds = limit_bytes, seconds
        self.buffer_bytes = min(buffer_bytes, limit_bytes)
        self.segment_bytes, self.segment_seconds = segment_bytes, segment_seconds
        self.failures, self.error = 0, ""
        # Each number has one writer at a time: the first two under the lock, the others our thread.
        self._lock = threading.Lock()
        self._added = self._refused = 0
        self._written = self._lost = 0
        self._stored, self._measured = 0, -MEASURED
        self._lanes: dict[str, Lane] = {}
        self._closed = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many answers (rows) were dropped so far."""
        return self._refused + self._lost

    @property
    def waiting_bytes(self) -> int:
        """How many bytes are in memory only."""
        return self._added - self._written

    def add(
        self,
        pipeline: str,
        version: int,
        role: str,
        at: float,
        ids: Sequence[str],
        rows: Sequence[Mapping[str, Any]],
        values: Sequence[Any],
        probabilities: Sequence[Sequence[float]] | None,
    ) -> None:
        """Log what one request was answered; see `Record`. It is encoded before this returns."""
        try:
            # Encoded before the lock, so that no request waits for another's rows.
            data = encoded(version, role, at, ids, rows, values, probabilities)
            with self._lock:
                self._take(pipeline, data, len(ids))
        except Exception as error:  # a request is answered whatever happens to its log
            self._refused += len(ids) if hasattr(ids, "__len__") else 1
            self.error = repr(error)

    def _take(self, pipeline: str, data: bytes, count: int) -> None:
        waiting = self._added - self._written
        lane = self._lanes.get(pipeline) or self._lane(pipeline)
        # One pipeline that cannot be shipped leaves room for the others.
        stored = max(waiting + self._stored, 2 * lane.stored)
        full = len(data) > LARGEST or waiting + len(data) > self.buffer_bytes
        if self._closed or stored > self.limit_bytes or full:
            self._refused += count
        else:
            lane.waiting.append((data, count))
            self._added += len(data)
        if full or 4 * waiting > self.buffer_bytes:
            self._wake.set()

    def close(self, seconds: float = 10.0) -> None:
        """Write everything and close the files; what `seconds` do not suffice for is dropped."""
        self._closed = True
        self._wake.set()
        self._thread.join(seconds)

    def _lane(self, pipeline: str) -> Lane:
        return self._lanes.setdefault(checked_name(pipeline), Lane())

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(0.8 * self.seconds)  # the write itself takes its part of them
            self._wake.clear()
            self._flush(last=False)
        self._flush(last=True)
        self._count_left()

    def _flush(self, *, last: bool) -> None:
        for pipeline, lane in list(self._lanes.items()):
            try:
                self._write(pipeline, lane)
            except Exception as error:  # the thread outlives whatever a disk does
                self._failed(error)
                self._end(lane)
            segment = lane.segment
            if segment and (last or time.monotonic() - segment.since > self.segment_seconds):
                self._end(lane)
        self._measure()

    def _count_left(self) -> None:
        for lane in self._lanes.values():
            self._lost += sum(count for _, count in lane.waiting)
            self._lost += lane.frame[1] if lane.frame else 0

    def _write(self, pipeline: str, lane: Lane) -> None:
        while frame := lane.next():
            if lane.segment is None:
                lane.segment = Segment(self.folder / pipeline, self.worker)
            data, answers, size = frame
            lane.segment.write(data, answers)
            lane.frame = None
            self._stored += len(data)
            lane.stored += len(data)
            self._written += size
            if lane.segment.size >= self.segment_bytes:
                self._end(lane)

    def _end(self, lane: Lane) -> None:
        segment, lane.segment = lane.segment, None
        if segment is None:
            return
        try:
            segment.close()
        except FileNotFoundError as error:
            self._lost += segment.answers
            self._failed(error)
        except Exception as error:  # as above; the shipper finds the file
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self.error = repr(error)

    def _measure(self) -> None:
        now = time.monotonic()
        if now - self._measured >= MEASURED:
            self._measured = now
            with suppress(OSError):
                self._stored = stored_bytes(self.folder)
                for pipeline, lane in list(self._lanes.items()):
                    lane.stored = stored_bytes(self.folder / pipeline)


def stored_bytes(folder: Path) -> int:
    """Return the bytes of all files in the folder and below; a file that goes counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
    return total
