"""Named points around every external write, where a test can let the process die.

In the test's own process, `dying_at(POINT)` raises `Died` there, in milliseconds.

`PERENNIAL_CRASH_AT=POINT:MARKER` makes the process write the file MARKER and then kill itself
with SIGKILL when it reaches POINT, for example `ingest.append.after:/tmp/fired`.
`PERENNIAL_WAIT_AT=POINT:MARKER` makes it write MARKER there and go on once MARKER is gone, at most
a minute later, so that a test can let two processes meet.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A write that is named here and reached by no scene of tests/test_crash_points.py fails there.
STEPS = {
    "collect": ("begin", "object", "commit", "tries"),
    "ingest": (
        *("lease", "docs", "report", "append", "quarantine_object", "quarantine_report"),
        *("tries", "receipt", "unlease"),
    ),
    "label": (
        *("lease", "append", "quarantine_object", "quarantine_report", "report"),
        *("tries", "receipt", "unlease"),
    ),
    "train": (
        *("tuned", "fitted", "evaluated", "refitted", "explained", "model", "manifest"),
        *("track", "register", "explanation", "verdict"),
    ),
    "promote": ("pointer", "ledger", "alias"),
    "trial": ("pointer", "ledger"),
    "score": ("lease", "pin", "labelled", "part", "output", "ledger", "cleared", "unlease"),
    "log": ("choose", "append", "delete"),
    "remove": ("rows", "ledger"),
    "schema": ("ledger",),
    "end": ("file", "ledger", "data"),
    "monitor": ("decision",),
    "history": ("kept",),
    "backtest": ("fit", "report"),
    "prune": ("lease", "vacuum", "compact", "object", "unlease"),
}
WRITES = tuple(f"{flow}.{step}" for flow, steps in STEPS.items() for step in steps)
POINTS = tuple(f"{write}.{when}" for write in WRITES for when in ("before", "after"))
VARIABLE, WAIT = "PERENNIAL_CRASH_AT", "PERENNIAL_WAIT_AT"
# Seconds: a test that failed must not leave a process that waits for ever.
PATIENCE = 60.0
_deadly: set[str] = set()


class Died(BaseException):
    """Stands for the end of the process at a point: no `except Exception` goes on after it."""

    def __init__(self, point: str) -> None:
        self.point = point
        super().__init__(point)


@contextmanager
def external_write(name: str) -> Iterator[None]:
    """Mark one external write; the process may be told to die right before or after it."""
    assert name in WRITES, name
    _reach(f"{name}.before")
    yield
    _reach(f"{name}.after")


@contextmanager
def dying_at(*points: str) -> Iterator[None]:
    """Let the block die at the first of `points` that it reaches, in this process; for tests.

    Raises:
        Died: it reached the point that the error names.
    """
    # it cannot show what SIGKILL takes away besides: here `finally` and `with` still tidy up,
    # buffers are flushed, locks are released, threads and memory stay
    assert set(points) <= set(POINTS), points
    _deadly.update(points)
    try:
        yield
    finally:
        _deadly.clear()


def _reach(point: str) -> None:
    if point in _deadly:
        raise Died(point)
    for variable in (VARIABLE, WAIT):
        wanted, _, marker = os.environ.get(variable, "").partition(":")
        if wanted != point:
            continue
        # the marker first: a test has to see that the process came here, not that it died earlier
        Path(marker).write_text(point, encoding="utf-8")
        if variable == VARIABLE:
            # SIGKILL, not exit: no `finally`, no flush and no release of a lock may run
            os.kill(os.getpid(), signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while Path(marker).exists() and time.monotonic() < until:
            time.sleep(0.02)
