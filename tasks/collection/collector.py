"""What a source gives page by page, and the cursor by which it is taken up again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tasks.config import Pipeline
from tasks.config.collect import Collect
from tasks.errors import ConfigurationError

Say = Callable[[str], None]
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


def place_of(cursor: Cursor | None) -> str:
    """Return a digest of the place behind which rows came.

    A batch is known by its bytes. An object that holds this is another one than that of the same
    rows, where they come a second time.
    """
    return hashlib.sha256(("" if cursor is None else cursor.text).encode()).hexdigest()


def section_of(pipeline: Pipeline) -> Collect:
    """Return what the pipeline file says of collecting.

    Raises:
        ConfigurationError: nothing.
    """
    if pipeline.source.collect is None:
        rule, remedy = "source.collect says from where", "Add the section."
        raise ConfigurationError(f"{pipeline.name}.yaml", rule, "nothing", remedy)
    return pipeline.source.collect


def object_bytes(pipeline: Pipeline) -> int:
    """Return how many bytes at most are gathered into one object."""
    return min(OBJECT, pipeline.data.max_bytes)
