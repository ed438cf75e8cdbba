"""The champion pointer: which version is in service, changed only by compare-and-set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from tasks.errors import IntegrityError
from tasks.ledger.entry import CHANGES, Entry
from tasks.promotion.compare_and_set import swapped
from tasks.promotion.signed import sign_pointer, verify_pointer
from tasks.records import plain
from tasks.records import read as read_record
from tasks.signatures import canonical, sha256
from tasks.store.exchange import steady
from tasks.workspace import Place

# Bounds the object, which every serving worker reads whole at every change.
LONGEST_HISTORY = 100
OWN = ("version", "by", "kind")  # what a pointer and its entry in the ledger have by one name
KIND: Literal["champion pointer"] = "champion pointer"
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Champion:
    """The version in service.

    Attributes:
        digest: of its manifest.
        since: never before that of the one it replaced, whatever the clocks say: who has seen a
            later one knows an older pointer by it.
        by, why, kind: by whom, for what reason and how it took its place.
        attempt: names the promotion, so that no two pointers are ever the same bytes.
        history: the versions it stands on, oldest first: those that a rollback returns to.
        replaced: the version that was in service right before, or None for the first.
        override: why a verdict that did not pass was overruled, or empty.
        anchor: the link of the ledger's last line before this one: a ledger without it was cut, or
            written anew.
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
    anchor: str = ""

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
        told = {**plain(self), "previous": self.previous}
        # as releases before wrote it: their pointers are known by a digest of this
        return told if self.anchor else {k: v for k, v in told.items() if k != "anchor"}


def succeed(current: Champion | None, new: Champion) -> Champion:
    """Return `new` with the history it has when it takes the place of `current`, and later.

    A promotion puts the current version on the history. A rollback to a version of the history
    takes off that version and everything above it.

    >>> from datetime import UTC, datetime
    >>> def champion(version, kind="promotion"):
    ...     return Champion(version, "d", datetime(2026, 1, 1, tzinfo=UTC), "me", "", kind)
    >>> third = succeed(succeed(succeed(None, champion(1)), champion(2)), champion(3))
    >>> third.history, third.since.microsecond
    ((1, 2), 2)
    >>> succeed(third, champion(2, "rollback")).history
    (1,)
    """
    if current is None:
        return replace(new, history=(), replaced=None)
    known, history = current.history, (*current.history, current.version)[-LONGEST_HISTORY:]
    # so that the next rollback goes further back instead of returning to what was just left
    if new.kind == "rollback" and new.version in known:
        history = known[: len(known) - 1 - known[::-1].index(new.version)]
    # the clock of another machine may be behind, and serving takes no pointer that is older
    since = max(new.since, current.since + INSTANT)
    return replace(new, since=since, history=history, replaced=current.version)


def rebuild(entries: Iterable[Entry], where: str) -> Champion | None:
    """Return the champion that the ledger tells of; None where it tells of none.

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


def read(place: Place, *, accept: bool = False) -> tuple[Champion, str] | None:
    """Return the champion and the entity tag of the pointer, or None before the first promotion.

    With `accept`, what an earlier release left without a signature is taken as it is, and a pointer
    that was lost is written again as the ledger tells it. Both are a person's to say: whoever can
    write to the bucket could take the pointer away, and cut the ledger.

    Raises:
        IntegrityError: the object is no champion pointer of this pipeline that a key signed, or a
            newer release's; or it was lost: without it the next version would be taken for the
            first, and be compared with nothing.
    """
    key = place.layout.champion
    found = steady(place.bucket, key)
    if found is not None:
        content = verify_pointer(place, KIND, found[0], key, accept=accept)
        return read_record(Champion, content, key, f"it is a {KIND}"), found[1]
    told = rebuild(place.ledger.entries(), key)
    if told is None:
        return None
    if not accept:
        rule = "the pointer to the version in service is there"
        came = f"none, and the ledger tells of version {told.version}, by {told.by}"
        remedy = f"Put it back, or `perennial verify {place.name} --accept` makes it of the ledger."
        raise IntegrityError(key, rule, came, remedy)
    return told, swap(place, told, None)


def refuse_older(place: Place, champion: Champion, entries: Iterable[Entry]) -> None:
    """Refuse a champion that the ledger knows to have been replaced: its pointer was put back.

    Raises:
        IntegrityError: a promotion or rollback came after it.
    """
    changes = [entry for entry in entries if entry.kind in CHANGES]
    if changes and changes[-1].at > champion.since:
        last, key = changes[-1], place.layout.champion
        rule = "it is of the newest promotion or rollback in the ledger"
        came = f"version {champion.version}, before the {last.kind} of version {last.version}"
        remedy = f"`perennial verify {place.name} --accept` puts the ledger's in its place."
        raise IntegrityError(key, rule, came, remedy)


def read_newest(place: Place) -> tuple[Champion, str] | None:
    """Return what `read` does, beside the ledger; raises as that, and as `refuse_older`."""
    found = read(place)
    if found is not None:
        refuse_older(place, found[0], place.ledger.entries())
    return found


def swap(place: Place, new: Champion, etag: str | None) -> str:
    """Put `new` in the place of the pointer with this entity tag; raises as `swapped`."""
    data = sign_pointer(place, KIND, new.to_dict())
    return swapped(place.bucket, place.layout.champion, data, etag)
