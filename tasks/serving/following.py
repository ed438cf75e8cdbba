"""Follow one pipeline's pointers: verify, load, and only then put in service."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from tasks.errors import IntegrityError, NotFound, PerennialError, StoreError
from tasks.features.kept_history import read_history
from tasks.ledger.entry import Entry
from tasks.promotion import pointer as champions
from tasks.promotion import trials
from tasks.promotion.pointer import Champion
from tasks.promotion.trial import Trial
from tasks.promotion.versions import load
from tasks.serving.newest import Newest
from tasks.serving.served import Served, ServedChallenger
from tasks.signatures import Keyring
from tasks.workspace import Place

# Seconds until a version that was refused is tried again: it may have been mended in its place.
AGAIN_AFTER = 30.0
Outcome = Literal["loaded", "refused", "unreachable"]
Role = Literal["champion", "challenger"]
ROLES: tuple[Role, ...] = ("champion", "challenger")


@dataclass(frozen=True)
class InService:
    """A model in service, the pointer that put it there, and the challenger beside it."""

    served: Served
    champion: Champion
    challenger: ServedChallenger | None = None


@dataclass(frozen=True)
class Turn:
    """What happened when a pointer had changed: `why` says it where the old model stays."""

    pipeline: str
    outcome: Outcome
    version: int | None
    why: str = ""
    etag: str = ""
    role: Role = "champion"


@dataclass
class Pointer:
    """What was last seen of a pointer, and why what it points to was refused.

    `changed` is when the newest that was signed was written.
    """

    seen: tuple[str, ...] = ()
    changed: datetime | None = None
    refusal: str | None = None
    again: float = 0.0

    def is_news(self, seen: tuple[str, ...], now: float) -> bool:
        """Tell whether it changed, or was refused so long ago that it may have been mended."""
        return seen != self.seen or (self.refusal is not None and now >= self.again)

    def note_taken(self, seen: tuple[str, ...]) -> None:
        """Note that what it points to is in service."""
        self.seen, self.refusal = seen, None

    def note_refused(self, seen: tuple[str, ...], why: str, now: float) -> bool:
        """Note a refusal, and tell whether it is the first of this pointer."""
        first = self.seen != seen
        self.seen, self.refusal, self.again = seen, why, now + AGAIN_AFTER
        return first


class Follower:
    """Holds one pipeline's model in service; `current` changes in one step, never to nothing.

    At most two models are held. `champion` and `challenger` say what their pointers were seen as.
    """

    def __init__(self, place: Place, newest: Newest | None = None) -> None:
        self.pipeline = place.name
        self.current: InService | None = None
        self._place, self._newest = place, newest or Newest()
        self._history: Mapping[str, Any] = {}
        self._history_tag = ""
        self.champion, self.challenger = (
            Pointer(changed=self._newest.read(place.name, role)) for role in ROLES
        )

    def believe(self, keyring: Keyring) -> None:
        """Believe other keys from the next look on."""
        self._place = Place(self._place.bucket, self.pipeline, keyring)

    def look(self, now: float) -> tuple[Turn, ...]:
        """Look at the pointers once; load what they point to where that is new.

        Whatever keeps a version from being loaded refuses it, and is told.
        """
        first, second = self._look(self.champion, "champion", now), None
        history = None if self.current is None else self._look_at_history()
        # a store that is away has one bounded wait a look, not two
        away = first is not None and first.outcome == "unreachable"
        if self.current is not None and not away:
            second = self._look(self.challenger, "challenger", now)
        return tuple(turn for turn in (first, second, history) if turn is not None)

    def _look_at_history(self) -> Turn | None:
        """Follow what is known of the targets, where a model in service looks them up."""
        assert self.current is not None
        served, tried = self.current.served, self.current.challenger
        models = [served] if tried is None else [served, tried.served]
        asking = [model for model in models if model.history is not None]
        if not asking:
            return None
        try:
            news = self._read_history()
        except StoreError as error:
            return Turn(self.pipeline, "unreachable", None, str(error))
        except IntegrityError as error:
            # what is known here stays, and an object that was tampered with is told once
            return Turn(self.pipeline, "refused", None, str(error))
        if news:
            for model in asking:
                model.know(self._history)
        return None

    def _read_history(self) -> bool:
        """Read what is known of the targets where that is news; one that is lost changes nothing.

        Raises:
            IntegrityError: it is not as it was signed; told of each such object once.
        """
        where = self._place.layout.history
        info = self._place.bucket.head(where)
        if info is None or info.etag == self._history_tag:
            return False
        data, self._history_tag = self._place.bucket.get(where), info.etag
        self._history = read_history(self.pipeline, self._place.keyring, data, where)
        return True

    def _look(self, pointer: Pointer, role: Role, now: float) -> Turn | None:
        layout, version = self._place.layout, None
        seen: tuple[str, ...] = ()
        try:
            info = self._place.bucket.head(
                layout.champion if role == "champion" else layout.challenger
            )
            etag = "" if info is None else info.etag
            # a challenger stands beside one champion, so another one is news of it too
            seen = (etag,) if role == "champion" else (etag, self._champion_digest)
            if info is None or not pointer.is_news(seen, now):
                if info is None and role == "challenger":
                    self._put_challenger(None)
                return None
            read: tuple[Champion | Trial, str] | None
            read = (champions if role == "champion" else trials).read(self._place)
            if read is None:
                return None
            named, version = read[0], read[0].version
            # the pointer may have changed since `head`: what was read counts
            seen = (read[1], *seen[1:])
            self._refuse_older(pointer, named, role)
            loaded = self._take(named) if isinstance(named, Champion) else self._try(named)
        except Exception as error:
            # the store is away: what serves goes on serving, and nothing is refused
            if isinstance(error, StoreError) and not isinstance(error, NotFound):
                return Turn(self.pipeline, "unreachable", version, str(error), role=role)
            # nothing was said of any version yet
            if not seen:
                raise
            if role == "challenger":
                self._put_challenger(None)
            # in the ledger once: of all looks at this pointer only the first tells its etag
            why = str(error) if isinstance(error, PerennialError) else repr(error)
            etag = seen[0] if pointer.note_refused(seen, why, now) else ""
            return Turn(self.pipeline, "refused", version, why, etag, role)
        pointer.note_taken(seen)
        return Turn(self.pipeline, "loaded", version, role=role) if loaded else None

    def _refuse_older(self, pointer: Pointer, named: Champion | Trial, role: Role) -> None:
        changed = named.since if isinstance(named, Champion) else named.changed
        # signed, and signed long ago: who can write to the bucket puts an old version in service
        # by putting its pointer back
        if pointer.changed is not None and changed < pointer.changed:
            where, rule = f"pointer of {self.pipeline}", "it is newer than the one before it"
            told = f"{changed.isoformat()}, after {pointer.changed.isoformat()}"
            remedy = f"Go back by `perennial rollback {self.pipeline}`, or promote a version."
            raise IntegrityError(where, rule, told, remedy)
        pointer.changed = changed
        self._newest.keep(self.pipeline, role, changed)

    @property
    def _champion_digest(self) -> str:
        return "" if self.current is None else self.current.served.digest

    def _take(self, champion: Champion) -> bool:
        """Put a champion in service, and tell whether it was not there already."""
        current = self.current
        if current is not None and champion.digest == current.served.digest:
            self.current = replace(current, champion=champion)
            return False
        tried = None if current is None else current.challenger
        # the challenger was promoted, and is loaded already
        if tried is not None and tried.served.digest == champion.digest:
            self.current = InService(tried.served, champion)
            return True
        # these names would keep the old challenger in memory beside both others, and it goes
        # before another champion is loaded, so that there are never three
        del current, tried
        self._put_challenger(None)
        served = self._load(champion.version, champion.digest)
        if not served.manifest.verdict.passed and not champion.override:
            rule = "a version that the gate refused is in service where a person overruled it"
            reasons = "; ".join(served.manifest.verdict.reasons)
            raise IntegrityError(f"{self.pipeline} version {champion.version}", rule, reasons)
        self.current = InService(served, champion)
        return True

    def _try(self, trial: Trial) -> bool:
        """Put the challenger of a trial beside the champion, and tell whether it is new."""
        current = self.current
        assert current is not None
        if not trial.stands(current.served.digest):
            self._put_challenger(None)
            return False
        tried = current.challenger
        if tried is not None and tried.served.digest == trial.digest:
            self._put_challenger(ServedChallenger(tried.served, trial))
            return False
        del current, tried
        self._put_challenger(None)
        self._put_challenger(ServedChallenger(self._load(trial.version, trial.digest), trial))
        return True

    def _put_challenger(self, challenger: ServedChallenger | None) -> None:
        # replaced whole: a thread that answers holds the pair that it began with
        if self.current is not None:
            self.current = replace(self.current, challenger=challenger)

    def _load(self, version: int, digest: str) -> Served:
        served = Served(load(self._place, version, digest))
        if served.history is not None:
            # before it is in service: what it looks up in would be empty for a moment
            with suppress(IntegrityError):
                self._read_history()
            if self._history:
                served.know(self._history)
        return served


def make_refused_entry(turn: Turn) -> Entry:
    """Return the ledger's line of a version that was not put in service; told once a promotion.

    >>> make_refused_entry(Turn("flights", "refused", 3, "a bit flipped", "e1")).summary
    'version 3 was not put in service: a bit flipped'
    """
    which = f"the {turn.role}" if turn.version is None else f"version {turn.version}"
    done = "put in service" if turn.role == "champion" else "tried beside the champion"
    return Entry(
        id=f"unserved-{turn.pipeline}-{turn.etag}",
        at=datetime.now(UTC),
        pipeline=turn.pipeline,
        kind="refused",
        version=turn.version,
        by="serving",
        summary=f"{which} was not {done}: {turn.why}",
        figures={"why": turn.why},
    )
