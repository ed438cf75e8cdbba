"""How often the reconciler started a flow in vain for the same thing, and when it gives up.

A run may die without a word: a file that takes more memory than there is ends its process. Started
again each minute and for ever, it would take the worker from all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tasks.errors import own_words, tells_absence
from tasks.ingestion.entrance import put_document, read_document
from tasks.reconciliation.missing import Launch
from tasks.records import plain, read
from tasks.workspace import Place

TRIES = 3


@dataclass(frozen=True)
class Attempts:
    """The starts of one flow for what waits longest for it.

    Attributes:
        thing: that, and since when; another one is a new beginning, as is another `configuration`.
        tries: the starts that ended and left it waiting.
        run: the one that was started since; empty once no more is.
        reason: how the last of them ended.
    """

    flow: str
    thing: str
    configuration: str
    tries: int = 0
    run: str = ""
    reason: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing is started any more until a person has looked."""
        return self.tries >= TRIES

    def ended(self, state: str, message: str) -> Attempts:
        """Return it after its run ended in a state of Prefect, and the thing waits still.

        Only the kind of an error is kept: its text may quote a value.

        >>> Attempts("train", "d1", "c", run="r").ended("CRASHED", "").reason
        'the run ended CRASHED'
        >>> Attempts("train", "d1", "c", run="r").ended("FAILED", "StoreUnavailable: a").tries
        0
        """
        # it says nothing of what waits, which is tried until the server is back
        if tells_absence(message):
            return replace(self, run="")
        kind = own_words(message).partition(":")[0]
        told = f", {kind}" if kind.isidentifier() else ""
        return replace(self, tries=self.tries + 1, run="", reason=f"the run ended {state}{told}")


def continued(launch: Launch, configuration: str, known: Mapping[str, Attempts]) -> Attempts:
    """Return the attempts that a launch continues, or new ones."""
    before = known.get(launch.flow)
    if before and (before.thing, before.configuration) == (launch.oldest, configuration):
        return before
    return Attempts(launch.flow, launch.oldest, configuration)


def read_attempts(place: Place) -> dict[str, Attempts]:
    """Return what is known of each flow that was started for something that waited."""
    found = {}
    for info in place.bucket.list(place.layout.starts):
        told = read_document(place.bucket, "starts", info.key)
        if told:
            attempts = read(Attempts, told, info.key, "says how often a flow was started")
            found[attempts.flow] = attempts
    return found


def keep_attempts(place: Place, attempts: Attempts) -> None:
    """Write what is known of a flow; the last word counts, and a lost one is one more start."""
    where = place.layout.started(attempts.flow)
    put_document(place.bucket, "starts", where, dict(plain(attempts)))


def forget_attempts(place: Place, flows: Iterable[str]) -> None:
    """Forget the starts of flows for which nothing waits any more."""
    for flow in flows:
        place.bucket.delete(place.layout.started(flow))


def tell_attempts(attempts: Attempts) -> str:
    """Say what was given up, in words.

    >>> tell_attempts(Attempts("ingest", "a.csv", "c", 3, "", "the run ended CRASHED"))
    'ingest was started 3 times for a.csv in vain; last, the run ended CRASHED'
    """
    times = f"{attempts.flow} was started {attempts.tries} times for {attempts.thing} in vain"
    return f"{times}; last, {attempts.reason}"
