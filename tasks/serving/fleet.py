"""Every pipeline of a bucket, each followed, with as few requests as tell that one changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from tasks.errors import StoreError
from tasks.promotion.compare_and_set import MOVED
from tasks.serving.following import Follower, InService, Turn
from tasks.serving.newest import Newest
from tasks.signatures import Keyring
from tasks.store.bucket import Bucket
from tasks.store.layout import is_name
from tasks.workspace import Place

EVERY = 1.0  # seconds between two looks at what tells that any pointer changed
# Pipelines looked at each time whatever that tells, in turn: a write of it may have been lost.
IN_TURN = 4
# Seconds between two listings of the bucket for pipelines that are new.
NEW_EVERY = 5.0


class Fleet:
    """Every pipeline of the bucket that has a champion, each followed.

    Attributes:
        ready: something was put in service.
        searched: the bucket was searched for pipelines.
        answered: when the store last answered a look, in seconds since 1970; 0 for never.
    """

    def __init__(
        self,
        bucket: Bucket,
        keyring: Keyring,
        tell: Callable[[Turn], None] = lambda _: None,
        newest: Newest | None = None,
    ) -> None:
        self.followers: Mapping[str, Follower] = {}
        self.ready = False
        self.searched = False
        self.answered = 0.0
        self._bucket, self._keyring, self._tell = bucket, keyring, tell
        self._searched, self._newest = float("-inf"), newest
        self._last, self._next = "", 0

    def __getitem__(self, pipeline: str) -> InService | None:
        """Return what is in service for a pipeline, or None."""
        follower = self.followers.get(pipeline)
        return None if follower is None else follower.current

    def believe(self, keyring: Keyring) -> None:
        """Believe other keys from the next look on; what is in service stays."""
        if keyring == self._keyring:
            return
        self._keyring = keyring
        for follower in self.followers.values():
            follower.believe(keyring)

    def look(self, now: float) -> None:
        """Look at every pointer when one of them changed, else at some in turn.

        Every few seconds the bucket is searched for pipelines that are new.

        Raises:
            ExceptionGroup: looks at some pipelines failed altogether; the others were looked at.
        """
        failures: list[Exception] = []
        # read before the pointers: what changes in between is found by the next look
        due = {**self._take_turns(), **(self.followers if self._moved() else {})}
        if now - self._searched >= NEW_EVERY:
            due |= self._search(now)
        for follower in due.values():
            try:
                for turn in follower.look(now):
                    self._tell(turn)
            except Exception as failure:  # one pipeline's is not the others'
                failures.append(failure)
        self.ready = self.ready or any(follower.current for follower in self.followers.values())
        if failures:
            raise ExceptionGroup("looks at pipelines failed", failures)

    def _take_turns(self) -> dict[str, Follower]:
        names = tuple(self.followers)
        first, self._next = self._next, (self._next + IN_TURN) % max(1, len(names))
        chosen = (names[place % len(names)] for place in range(first, first + IN_TURN) if names)
        return {name: self.followers[name] for name in chosen}

    def _moved(self) -> bool:
        try:
            info = self._bucket.head(MOVED)
            self.answered = time.time()
        # the store is away: the pointers that are looked at in turn say so
        except StoreError:
            return False
        before, self._last = self._last, "" if info is None else info.etag
        return self._last != before

    def _search(self, now: float) -> dict[str, Follower]:
        """Return the followers of pipelines that are new."""
        try:
            # a bucket may hold what is no pipeline
            names = {name for name in self._bucket.folders() if is_name(name)}
        except StoreError as error:
            self._tell(Turn("", "unreachable", None, str(error)))
            return {}
        self._searched, self.searched = now, True
        new = {
            name: Follower(Place(self._bucket, name, self._keyring), self._newest)
            for name in sorted(names - set(self.followers))
        }
        stay = {
            name: follower
            for name, follower in self.followers.items()
            if not self._is_gone(name, names)
        }
        if new or len(stay) < len(self.followers):
            # put in place whole: other threads read it to answer
            self.followers = {**stay, **new}
        return new

    def _is_gone(self, name: str, names: Collection[str]) -> bool:
        """Tell whether a person deleted the pipeline with its data."""
        # two looks, both answered: a listing alone never ends what is in service
        with suppress(StoreError):
            champion = Place(self._bucket, name, self._keyring).layout.champion
            return name not in names and self._bucket.head(champion) is None
        return False
