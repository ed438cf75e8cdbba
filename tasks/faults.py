"""Named points around every external write, where a test can let the process die.

`PERENNIAL_CRASH_AT=POINT:MARKER` makes the process write the file MARKER and then kill itself
with SIGKILL when it reaches POINT, for example `ingest.append.after:/tmp/fired`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WRITES = (
    "ingest.docs",
    "ingest.report",
    "ingest.append",
    "ingest.quarantine_object",
    "ingest.quarantine_report",
    "ingest.receipt",
    "train.tuned",
    "train.fitted",
    "train.evaluated",
    "train.refitted",
    "train.model",
    "train.manifest",
    "train.track",
    "train.register",
    "train.verdict",
    "promote.pointer",
    "promote.ledger",
    "promote.alias",
    "score.output",
)
POINTS = tuple(f"{write}.{when}" for write in WRITES for when in ("before", "after"))
VARIABLE = "PERENNIAL_CRASH_AT"


@contextmanager
def external_write(name: str) -> Iterator[None]:
    """Mark one external write; the process may be told to die right before or after it."""
    assert name in WRITES, name
    _reach(f"{name}.before")
    yield
    _reach(f"{name}.after")


def _reach(point: str) -> None:
    wanted, _, marker = os.environ.get(VARIABLE, "").partition(":")
    if wanted == point:
        Path(marker).write_text(point, encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)
