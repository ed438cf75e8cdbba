"""How often the reconciler started a flow in vain for the same thing, and when it gives up.

A run may die without a word: a file that takes more memory than there is ends its process. Started
again each minute and for ever, it would take the worker from all others. So the starts come later
and later, and end where the runs themselves were at fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tasks.errors import own_words, tells_absence
from tasks.ingestion.entrance import put_document, read_document
from tasks.reconciliation.missing import Launch
from tasks.records import plain, read
from tasks.workspace import Place

TRIES = 3
LONGEST = 15  # of the first wait: of what never succeeds, four starts an hour are left
# How Prefect 3.8, its worker or our automation say that a run was ended from outside: with the
# worker or the server (each restart of the stack ends every run), or by a person.
FROM_OUTSIDE = (
    "It gave no sign of life any more",
    "Execution was aborted by a termination signal",
    "Execution was aborted by an interrupt signal",
    "Execution was cancelled by the runtime environment",
    *("status code: -15", "status code: 143"),
    *("Request to http", "Request failed while", "PrefectHTTPStatusError"),
)
KILLED = ("status code: -9", "status code: 137")
NO_MEMORY = ("MemoryError", "Unable to allocate", "std::bad_alloc", "OutOfMemory")


@dataclass(frozen=True)
class Attempts:
    """The starts of one flow for what waits longest for it.

    Attributes:
        thing: that, and since when; another one is a new beginning, as is another `configuration`.
        tries: the starts that failed by themselves.
        run: the one that was started since; empty once no more is.
        reason: how the last of them ended.
        starts: those that left it waiting, also where no fault of the run's was the cause.
        last: when the end of the last one was seen.
    """

    flow: str
    thing: str
    configuration: str
    tries: int = 0
    run: str = ""
    reason: str = ""
    starts: int = 0
    last: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether nothing is started any more until a person has looked."""
        return self.tries >= TRIES

    def is_due(self, now: datetime, patience: timedelta) -> bool:
        """Say whether the next start has its time: at once after the first, then later and later.

        >>> noon = datetime(2026, 1, 1, 12)
        >>> tried = Attempts("label", "a.csv", "c", starts=3, last=noon)
        >>> minutes = (timedelta(minutes=minutes) for minutes in (2, 3))
        >>> [tried.is_due(noon + passed, timedelta(minutes=1)) for passed in minutes]
        [False, True]
        """
        # a clock that was turned back must not hold a start for hours
        if self.last is None or now < self.last:
            return True
        return now - self.last >= patience * min((1 << max(self.starts - 1, 0)) - 1, LONGEST)

    def ended(self, state: str, message: str, seen: datetime) -> Attempts:
        """Return it after its run ended in a state of Prefect, and the thing waits still.

        Only the kind of an error is kept: its text may quote a value.

        >>> tried, noon = Attempts("train", "d1", "c", run="r"), datetime(2026, 1, 1, 12)
        >>> tried.ended("CRASHED", "exited with status code: -9.", noon).reason
        'the run was killed, as the system does where memory runs out'
        >>> tried.ended("CANCELLED", "", noon).tries
        0
        """
        # it says nothing of what waits, which is tried until the server is back
        if tells_absence(message):
            return replace(self, run="", last=seen)
        again = replace(self, run="", last=seen, starts=self.starts + 1)
        if not is_at_fault(state, message):
            return again
        return replace(again, tries=self.tries + 1, reason=tell_end(state, message))


def is_at_fault(state: str, message: str) -> bool:
    """Say whether a run that ended so failed by itself.

    >>> is_at_fault("CRASHED", "Flow run infrastructure exited with status code: -9.")
    True
    >>> is_at_fault("CRASHED", "Execution was aborted by a termination signal.")
    False
    """
    if state in ("CANCELLED", "COMPLETED"):
        return False
    return state != "CRASHED" or not any(said in message for said in FROM_OUTSIDE)


def tell_end(state: str, message: str) -> str:
    """Say how a run ended; of an error, its kind alone.

    >>> tell_end("FAILED", "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 9 GiB")
    'the run ended FAILED, for memory ran out'
    """
    if any(word in message for word in KILLED):
        return "the run was killed, as the system does where memory runs out"
    if any(word in message for word in NO_MEMORY):
        return f"the run ended {state}, for memory ran out"
    kind = own_words(message).partition(":")[0]
    return f"the run ended {state}, {kind}" if kind.isidentifier() else f"the run ended {state}"


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
