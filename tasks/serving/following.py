"""Follow the champion pointers of a bucket: verify, load, and only then put in service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from tasks.errors import ConfigurationError, IntegrityError, NotFound, PerennialError, StoreError
from tasks.ledger.entry import Entry
from tasks.promotion import pointer
from tasks.promotion.pointer import Champion
from tasks.promotion.versions import load
from tasks.serving.served import Served
from tasks.store.base import Store
from tasks.store.layout import NAME, RESERVED, Layout

EVERY = 1.0  # seconds between two looks at a pointer
NEW_EVERY = 5.0
AGAIN_AFTER = 30.0
Outcome = Literal["loaded", "refused", "unreachable"]


@dataclass(frozen=True)
class InService:
    """A model in service, and the pointer that put it there."""

    served: Served
    champion: Champion


@dataclass(frozen=True)
class Turn:
    """What happened when a pointer had changed: `why` says it where the old model stays."""

    pipeline: str
    outcome: Outcome
    version: int | None
    why: str = ""
    etag: str = ""


class Follower:
    """Holds one pipeline's model in service; `current` changes in one step, never to nothing."""

    def __init__(self, store: Store, pipeline: str, signing_key: str) -> None:
        self.pipeline = pipeline
        self.current: InService | None = None
        self.refusal: str | None = None
        self._store, self._signing_key = store, signing_key
        self._etag: str | None = None
        self._again = 0.0

    def look(self, now: float) -> Turn | None:
        """Look at the pointer once; load what it points to where that is new.

        A version that is refused is tried again half a minute later, should it be mended.
        """
        try:
            info = self._store.head(Layout(self.pipeline).champion)
            if info is None or (info.etag == self._etag and not self._due(now)):
                return None
            found = pointer.read(self._store, self.pipeline)
        except StoreError as error:
            return Turn(self.pipeline, "unreachable", None, str(error))
        except IntegrityError as error:
            return self._refuse(info.etag, None, error, now) if info else None
        return None if found is None else self._take(*found, now)

    def _take(self, champion: Champion, etag: str, now: float) -> Turn | None:
        current = self.current
        if current is not None and champion.digest == current.served.digest:
            self.current = InService(current.served, champion)
            self._etag, self.refusal = etag, None
            return None
        try:
            served = Served(*self._load(champion))
        except (NotFound, IntegrityError, ConfigurationError) as error:
            return self._refuse(etag, champion.version, error, now)
        except StoreError as error:
            return Turn(self.pipeline, "unreachable", champion.version, str(error))
        self.current = InService(served, champion)
        self._etag, self.refusal = etag, None
        return Turn(self.pipeline, "loaded", champion.version)

    def _load(self, champion: Champion) -> Any:
        return load(
            self._store, self.pipeline, champion.version, self._signing_key, champion.digest
        )

    def _refuse(self, etag: str, version: int | None, error: PerennialError, now: float) -> Turn:
        again = self._etag == etag
        self._etag, self.refusal, self._again = etag, str(error), now + AGAIN_AFTER
        return Turn(self.pipeline, "refused", version, str(error), "" if again else etag)

    def _due(self, now: float) -> bool:
        return self.refusal is not None and now >= self._again


class Fleet:
    """Every pipeline of the bucket that has a champion, each followed."""

    def __init__(
        self, store: Store, signing_key: str, tell: Callable[[Turn], None] = lambda _: None
    ) -> None:
        self.followers: Mapping[str, Follower] = {}
        self.ready = False
        self.searched = False
        self._store, self._signing_key, self._tell = store, signing_key, tell
        self._searched = float("-inf")

    def __getitem__(self, pipeline: str) -> InService | None:
        """Return what is in service for a pipeline, or None."""
        follower = self.followers.get(pipeline)
        return None if follower is None else follower.current

    def look(self, now: float) -> None:
        """Look once at every pointer, and every few seconds for pipelines that are new."""
        if now - self._searched >= NEW_EVERY:
            self._search(now)
        for follower in tuple(self.followers.values()):
            turn = follower.look(now)
            if turn is not None:
                self._tell(turn)
        self.ready = self.ready or any(one.current for one in self.followers.values())

    def _search(self, now: float) -> None:
        try:
            names = {name for name in self._store.folders() if NAME.fullmatch(name)}
        except StoreError as error:
            self._tell(Turn("", "unreachable", None, str(error)))
            return
        self._searched, self.searched = now, True
        new = {
            name: Follower(self._store, name, self._signing_key)
            for name in sorted(names - RESERVED - set(self.followers))
        }
        if new:
            self.followers = {**self.followers, **new}


def refused_entry(turn: Turn) -> Entry:
    """Return the ledger's line of a version that was not put in service; told once a promotion.

    >>> refused_entry(Turn("flights", "refused", 3, "a bit flipped", "e1")).summary
    'version 3 was not put in service: a bit flipped'
    """
    which = "the champion" if turn.version is None else f"version {turn.version}"
    return Entry(
        id=f"unserved-{turn.pipeline}-{turn.etag}",
        at=datetime.now(UTC),
        pipeline=turn.pipeline,
        kind="refused",
        version=turn.version,
        by="serving",
        summary=f"{which} was not put in service: {turn.why}",
        figures={"why": turn.why},
    )
