"""Which rows a model was made from: a pipeline's table, its version, and a span of time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.errors import DataError
from tasks.records import plain

TICK = timedelta(microseconds=1)  # the least step of a stored time


@dataclass(frozen=True)
class Window:
    """The event times from `start` to before `end`; None is without bound.

    Both are wall-clock times, or both have a zone: as the event times of the table are stored.

    Raises:
        DataError: it ends before it starts, or only one bound has a zone.
    """

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.start is None or self.end is None:
            return
        if (self.start.tzinfo is None) != (self.end.tzinfo is None):
            raise DataError("window", "both bounds have a zone, or neither", self)
        if self.end <= self.start:
            raise DataError("window", "it ends after it starts", self)

    @classmethod
    def up_to(cls, latest: datetime, length: timedelta | None) -> Window:
        """Return the window of this length that ends with `latest`, or of all rows until then.

        >>> Window.up_to(datetime(2013, 3, 31), timedelta(days=30)).start
        datetime.datetime(2013, 3, 1, 0, 0, 0, 1)
        """
        end = latest + TICK
        if length is None:
            return cls(None, end)
        try:
            return cls(end - length, end)
        # longer than there are years: no row is older than that
        except OverflowError:
            return cls(None, end)


@dataclass(frozen=True)
class DatasetRef:
    """The rows of one pipeline's curated table, at one version, inside one window."""

    pipeline: str
    version: int
    window: Window = Window()

    @property
    def digest(self) -> str:
        """SHA-256 of what it refers to."""
        # It is part of the keys of stored results: another text would fit every model anew.
        text = json.dumps(plain(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
