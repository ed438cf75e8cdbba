"""Which rows a model was made from: a pipeline's table, its version, and a span of time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tasks.errors import DataError

TICK = timedelta(microseconds=1)


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
        return cls(None if length is None else end - length, end)

    def to_dict(self) -> dict[str, str | None]:
        """Return the bounds as ISO 8601 texts."""
        return {"start": _text(self.start), "end": _text(self.end)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Window:
        """Read what `to_dict` gave."""
        return cls(_time(content["start"]), _time(content["end"]))


@dataclass(frozen=True)
class DatasetRef:
    """The rows of one pipeline's curated table, at one version, inside one window.

    >>> ref = DatasetRef("flights", 3, Window(end=datetime(2013, 4, 1)))
    >>> DatasetRef.from_dict(ref.to_dict()) == ref
    True
    """

    pipeline: str
    version: int
    window: Window = Window()

    @property
    def digest(self) -> str:
        """SHA-256 of what it refers to."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "pipeline": self.pipeline,
            "version": self.version,
            "window": self.window.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> DatasetRef:
        """Read what `to_dict` gave."""
        window = Window.from_dict(content["window"])
        return cls(str(content["pipeline"]), int(content["version"]), window)


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
