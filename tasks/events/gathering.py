"""Make few wake-ups of many arrivals, and lose none after the last object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tasks.events.arrival import Arrived

QUIET = 2.0  # seconds; a storm of single events locks Prefect's SQLite
MOST_KEYS = 20  # named in one event, for people; the flow lists the bucket itself
MOST_PIPELINES = 500  # memory stays bounded whatever names are sent


@dataclass(frozen=True)
class WakeUp:
    """A pipeline has something to look at: how many arrivals were told, the first keys of them."""

    pipeline: str
    objects: int
    keys: tuple[str, ...]


@dataclass
class Gathering:
    """What arrived and was not passed on yet, per pipeline; times are seconds of any one clock.

    The first arrival of a pipeline is due at once. Those of the `quiet` seconds after a wake-up
    are one more at their end, so a storm becomes a wake-up every `quiet` seconds, and the last
    object is always followed by one.

    >>> gathering = Gathering()
    >>> _ = gathering.add([Arrived("b", "flights/incoming/1")], now=10.0)
    >>> gathering.due(10.0)
    (WakeUp(pipeline='flights', objects=1, keys=('flights/incoming/1',)),)
    >>> _ = gathering.add([Arrived("b", f"flights/incoming/{n}") for n in range(500)], now=10.5)
    >>> gathering.due(10.6), gathering.next_due()
    ((), 12.0)
    >>> [wake.objects for wake in gathering.due(12.0)]
    [500]
    """

    quiet: float = QUIET
    most: int = MOST_PIPELINES
    _waiting: dict[str, WakeUp] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)

    def add(self, arrived: Iterable[Arrived], now: float) -> int:
        """Take arrivals in; return how many were left to the reconciler."""
        left = 0
        for arrival in arrived:
            name = arrival.pipeline
            if name not in self._waiting and len(self._waiting) >= self.most:
                left += 1
                continue
            before = self._waiting.get(name, WakeUp(name, 0, ()))
            keys = (*before.keys, arrival.key)[:MOST_KEYS]
            self._waiting[name] = WakeUp(name, before.objects + 1, keys)
            # within the quiet seconds after a wake-up this is already set, to their end
            self._until.setdefault(name, now)
        return left

    def due(self, now: float) -> tuple[WakeUp, ...]:
        """Return, once, the wake-ups whose time has come."""
        ready = [name for name in self._waiting if self._until[name] <= now]
        # what waits for nothing is forgotten: else every name that was ever sent would stay
        for name in [name for name, until in self._until.items() if until <= now]:
            if name not in self._waiting:
                del self._until[name]
        # from now on arrivals wait: the last of a storm is told after it, never with its first
        self._until.update(dict.fromkeys(ready, now + self.quiet))
        return tuple(self._waiting.pop(name) for name in ready)

    def next_due(self) -> float | None:
        """Return when the next wake-up is due, or None when nothing waits."""
        return min((self._until[name] for name in self._waiting), default=None)

    def rest(self) -> tuple[WakeUp, ...]:
        """Return all that waits, due or not, once."""
        found = tuple(self._waiting.values())
        self._waiting.clear()
        return found
