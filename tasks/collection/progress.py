"""Where collecting stands: one small document in the bucket, changed only by compare-and-set."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from tasks.collection.collector import Cursor
from tasks.documents import seal, unseal_bytes
from tasks.records import plain, read
from tasks.store.exchange import exchange, steady
from tasks.workspace import Place

KIND = "collecting"
REMEDY = "Remove the object, and collecting starts at the beginning."


@dataclass(frozen=True)
class Begun:
    """An object that somebody was about to land: the SHA-256 of its bytes, and what follows it."""

    key: str
    digest: str
    cursor: str
    rows: int | None = None


@dataclass(frozen=True)
class SourceProgress:
    """How far a source was collected.

    Attributes:
        source: what makes it this source; another one starts at the beginning.
        life: part of the objects' names: none is ever the name of an earlier start's.
        number: of objects of composed rows that were landed.
        cursor: behind the newest of all objects, None before the first.
        begun: the attempts at the next object. Whichever of them its bytes are, that one counts.
        objects, rows: landed since the beginning, where they are counted.
        looked: when all of it was collected the last time.
    """

    source: str
    life: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    number: int = 0
    cursor: str | None = None
    begun: tuple[Begun, ...] = ()
    objects: int = 0
    rows: int = 0
    looked: datetime | None = None

    @property
    def place(self) -> Cursor | None:
        """The cursor, as collectors take it."""
        return None if self.cursor is None else Cursor(self.cursor)


def read_progress(place: Place) -> tuple[SourceProgress, str] | None:
    """Return how far collecting is, with the document's entity tag; None before it began.

    Raises:
        IntegrityError: the object is something else, or a newer release's.
    """
    key = place.layout.collecting
    found = steady(place.bucket, key)
    if found is None:
        return None
    content = unseal_bytes(KIND, found[0], key, REMEDY)
    return read(SourceProgress, content, key, "it says how far collecting is"), found[1]


def write_progress(place: Place, progress: SourceProgress, etag: str | None) -> str:
    """Put it in the place of the document with this entity tag; return the new tag.

    Raises:
        PreconditionFailed: another collector was first; nothing was written.
    """
    data = json.dumps(seal(KIND, plain(progress)), indent=1, allow_nan=False).encode()
    return exchange(place.bucket, place.layout.collecting, data, etag)
