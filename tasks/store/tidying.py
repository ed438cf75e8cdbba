"""What is left behind in the bucket and needed no more: uploads cut short, outcomes of runs.

An upload whose client or store was killed keeps its parts for ever, and each run of the reconciler,
one a minute, leaves an outcome.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from tasks.settings import Settings
from tasks.store.bucket import Bucket
from tasks.store.layout import RUN_OUTCOMES

CUT_SHORT = timedelta(days=1)  # no upload takes so long
OUTCOMES_KEPT = timedelta(days=1)  # a command reads one within seconds of the run's end
MOST = 2_000  # outcomes removed in one pass: a bucket of an earlier release holds a year of them
EVERY = 3600.0  # seconds
MARK = "tidied"  # in the home folder


@dataclass(frozen=True)
class Tidied:
    """How many uploads were ended and how many outcomes removed."""

    uploads: int
    outcomes: int


def tidy(bucket: Bucket, now: datetime) -> Tidied:
    """End the uploads that nobody goes on with, and remove the outcomes that nobody waits for."""
    uploads = bucket.abandon_uploads(CUT_SHORT)
    left = (info for info in bucket.list(RUN_OUTCOMES) if info.modified < now - OUTCOMES_KEPT)
    old = [info.key for info in islice(left, MOST)]
    for key in old:
        bucket.delete(key)
    return Tidied(uploads, len(old))


def tidy_hourly() -> Tidied | None:
    """Tidy the bucket of the settings, or return None within an hour of the last time."""
    from tasks.store.connect import open_bucket

    settings = Settings.from_environment()
    if not claim(settings.home):
        return None
    return tidy(open_bucket(settings), datetime.now(UTC))


def claim(home: Path) -> bool:
    """Return whether it is time to tidy, and begin the next hour where it is."""
    mark = home / MARK
    try:
        if time.time() - mark.stat().st_mtime < EVERY:
            return False
    except FileNotFoundError:
        home.mkdir(parents=True, exist_ok=True)
    # Begun before it is done: a bucket that cannot be tidied is not tried each minute. Two at once
    # do no harm.
    mark.touch()
    return True
