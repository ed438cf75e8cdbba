"""What a source gives page by page, and the cursor by which it is taken up again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tasks.config import Pipeline

MIB = 1024 * 1024
OBJECT = 32 * MIB  # of what is gathered into one object: so much is in memory, and fetched again


@dataclass(frozen=True)
class Cursor:
    """Where a source was left: a small JSON document that its collector alone understands.

    >>> cursor = Cursor.of(page=3, rows=20)
    >>> cursor.text, cursor.values["page"]
    ('{"page": 3, "rows": 20}', 3)
    """

    text: str

    @classmethod
    def of(cls, **values: Any) -> Cursor:
        # Sorted, so that one place has one text.
        return cls(json.dumps(values, sort_keys=True, allow_nan=False))

    @property
    def values(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.text)
        return content


@dataclass(frozen=True)
class SourcePage:
    """One object to land, and the cursor that stands after it.

    Attributes:
        data: the object's bytes; the path of a file for a whole copy of someone's object. No bytes
            land no object: the cursor alone goes on.
        suffix: of the object's name, as `.jsonl`: it tells the format.
        rows: in it; None where nobody counted.
        cursor: where the source goes on behind it.
        name: of a whole copy, by which it is known again; another content has another.
    """

    data: bytes | Path
    suffix: str
    rows: int | None
    cursor: Cursor
    name: str = ""


class Collector(Protocol):
    """One source of rows."""

    def pages(self, cursor: Cursor | None) -> Iterator[SourcePage]:
        """Yield what stands behind the cursor (None: everything), in order, in bounded memory.

        Called again with the cursor of any page, it goes on behind that page.

        Raises:
            SourceUnavailable: no answer after every retry: it may come later.
            DataError: the answer is not what the pipeline file says.
            ConfigurationError: the source cannot be asked, or refuses who asks.
        """


class Unreadable(Exception):
    """An answer is not what was asked for; another try may bring it. The text says what came."""


def object_bytes(pipeline: Pipeline) -> int:
    """Return how many bytes at most are gathered into one object."""
    return min(OBJECT, pipeline.data.max_bytes)
