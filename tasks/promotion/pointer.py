"""The champion pointer: which version is in service, changed only by compare-and-set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from tasks.documents import seal, unseal_bytes
from tasks.errors import IntegrityError
from tasks.ledger.entry import CHANGES, Entry
from tasks.promotion.compare_and_set import swapped
from tasks.promotion.manifest import canonical, sha256
from tasks.records import plain
from tasks.records import read as read_record
from tasks.store.exchange import steady
from tasks.workspace import Place

# Bounds the object, which every serving worker reads whole at every change.
LONGEST_HISTORY = 100
OWN = ("version", "by", "kind")  # what a pointer and its entry in the ledger have by one name
REMEDY = "Promote a version again after moving the object away."


@dataclass(frozen=True)
class Champion:
    """The version in service.

    Attributes:
        digest: of its manifest.
        since, by, why, kind: when, by whom, for what reason and how it took its place.
        attempt: names the promotion, so that no two pointers are ever the same bytes.
        history: the versions it stands on, oldest first: those that a rollback returns to.
        replaced: the version that was in service right before, or None for the first.
        override: why a verdict that did not pass was overruled, or empty.
    """

    version: int
    digest: str
    since: datetime
    by: str
    why: str
    kind: Literal["promotion", "rollback"] = "promotion"
    attempt: str = ""
    history: tuple[int, ...] = ()
    replaced: int | None = None
    override: str = ""

    @property
    def previous(self) -> int | None:
        """The version a rollback returns to."""
        return self.history[-1] if self.history else None

    @property
    def id(self) -> str:
        """A digest of the pointer's content: the same promotion has the same, no other has it."""
        # as format 1 had it, whatever is written: the ledger and MLflow know earlier ones by it
        return sha256(canonical({**self.to_dict(), "format": 1}))[:32]

    def to_dict(self) -> dict[str, Any]:
        return {**plain(self), "previous": self.previous}

    def to_bytes(self) -> bytes:
        return canonical(seal("champion pointer", self.to_dict()))

    @classmethod
    def from_bytes(cls, data: bytes, where: str = "champion.json") -> Champion:
        content = unseal_bytes("champion pointer", data, where, REMEDY)
        return read_record(cls, content, where, "it is a champion pointer")


def succeed(current: Champion | None, new: Champion) -> Champion:
    """Return `new` with the history it has when it takes the place of `current`.

    A promotion puts the current version on the history. A rollback to a version of the history
    takes off that version and everything above it.

    >>> from datetime import UTC, datetime
    >>> def champion(version, kind="promotion"):
    ...     return Champion(version, "d", datetime(2026, 1, 1, tzinfo=UTC), "me", "", kind)
    >>> third = succeed(succeed(succeed(None, champion(1)), champion(2)), champion(3))
    >>> third.history
    (1, 2)
    >>> succeed(third, champion(2, "rollback")).history
    (1,)
    """
    if current is None:
        return replace(new, history=(), replaced=None)
    known = current.history
    # so that the next rollback goes further back instead of returning to what was just left
    if new.kind == "rollback" and new.version in known:
        last = len(known) - 1 - known[::-1].index(new.version)
        return replace(new, history=known[:last], replaced=current.version)
    history = (*known, current.version)[-LONGEST_HISTORY:]
    return replace(new, history=history, replaced=current.version)


def rebuild(entries: Iterable[Entry], where: str) -> Champion | None:
    """Return the champion that the ledger tells of; None where it tells of no promotion.

    Args:
        entries: all of the ledger, oldest first.
        where: the pointer, for the error.

    Raises:
        IntegrityError: the last change was made by a newer release.
    """
    champion = None
    for entry in entries:
        if entry.kind.startswith(CHANGES) and entry.kind not in CHANGES:
            rule = "the ledger says who is in service, where the pointer is lost"
            raise IntegrityError(where, rule, entry.kind, "Use the release that wrote it.")
        # what is deleted goes pointer first, and whoever looks meanwhile must not bring it back;
        # of a pipeline that is ended alone, the champion goes on answering
        if entry.kind == "end" and entry.figures.get("data"):
            champion = None
        if entry.kind in CHANGES:
            # its own figures are those that `change_entry` took from the pointer
            told = {**entry.figures, **{name: getattr(entry, name) for name in OWN}}
            made = read_record(Champion, {**told, "since": entry.at}, where)
            champion = succeed(champion, made)
    return champion


def read(place: Place) -> tuple[Champion, str] | None:
    """Return the champion and the entity tag of the pointer, or None before the first promotion.

    A pointer that was lost is written again as the ledger tells it: without it the next version
    would be taken for the first, and be compared with nothing.

    Raises:
        IntegrityError: the object is no champion pointer, or a newer release's.
    """
    key = place.layout.champion
    found = steady(place.bucket, key)
    if found is not None:
        return Champion.from_bytes(found[0], key), found[1]
    champion = rebuild(place.ledger.entries(), key)
    return None if champion is None else (champion, swap(place, champion, None))


def swap(place: Place, new: Champion, etag: str | None) -> str:
    """Put `new` in the place of the pointer with this entity tag; raises as `swapped`."""
    return swapped(place.bucket, place.layout.champion, new.to_bytes(), etag)
