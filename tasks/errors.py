"""The errors a person can meet, and what each one means for the exit status.

::

    PerennialError            1  it failed
    ├── ConfigurationError    2  the pipeline file, the settings or the command line is wrong
    ├── Refused               3  a gate, a check or a race said no; nothing is broken
    ├── DataError             1  the rows cannot be learned from
    ├── StoreError            1  object storage
    │   ├── NotFound             no such object
    │   ├── PreconditionFailed   a conditional write lost
    │   ├── AccessDenied         wrong or missing credentials
    │   ├── StoreUnavailable     no answer in time
    │   └── StoreFull            no room left
    ├── SourceUnavailable     1  what rows are collected from
    ├── TrackingError         1  the MLflow server
    │   └── TrackingUnavailable  no answer in time
    ├── EngineError           1  the Dask cluster
    ├── OrchestrationError    1  the Prefect server
    ├── IntegrityError        1  bytes are not what was signed or recorded
    └── StackError            1  a process of the local stack

Vendor errors become one of these at the vendor's door, with the cause kept.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

LIMIT = 2000
ENCOUNTERED = "Flow run encountered an exception: "  # before an exception's own words, in Prefect 3


def bounded(value: object, limit: int = LIMIT) -> str:
    """Return `value` as text of at most `limit` characters.

    >>> bounded("a" * 10, limit=6)
    'aaaaa…'
    """
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the question after the known word that is nearest, or nothing where none is near.

    >>> did_you_mean("tran", ["train", "apply"]), did_you_mean("x", ["train"])
    ('Did you mean train?', '')
    """
    # letter case is the commonest slip of all, and costs difflib half of a short word
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), names, n=1)
    return f"Did you mean {names[close[0]]}?" if close else ""


class PerennialError(Exception):
    """Say where, which rule, what came, and what to do.

    >>> print(PerennialError("flights.yaml", "trials is at least 1", "0", "Set it to 1 or more."))
    flights.yaml: trials is at least 1; got 0. Set it to 1 or more.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, where: str, rule: str, came: object = None, remedy: str = "") -> None:
        self.where = where
        self.rule = rule
        self.came = None if came is None else bounded(came)
        self.remedy = remedy
        super().__init__(where, rule, came, remedy)

    def __str__(self) -> str:
        got = "" if self.came is None else f"; got {self.came}"
        # a remedy of several lines begins on its own
        apart = "" if self.remedy.startswith("\n") else " "
        end = f"{apart}{self.remedy}" if self.remedy else ""
        return f"{self.where}: {self.rule}{got}.{end}"


class ConfigurationError(PerennialError):
    """The pipeline file, the settings or the command line is wrong."""

    exit_status = 2


class Refused(PerennialError):
    """A gate, a check or a race said no; nothing is broken."""

    exit_status = 3


class DataError(PerennialError):
    """The rows cannot be learned from."""


class StoreError(PerennialError):
    """Object storage did not do what was asked."""


class NotFound(StoreError):
    """No such object."""


class PreconditionFailed(StoreError):
    """A conditional write lost against another writer."""


class AccessDenied(StoreError):
    """The credentials are wrong or missing."""


class StoreUnavailable(StoreError):
    """The store gave no answer within the bound."""


class StoreFull(StoreError):
    """The store, or the local disk, has no room left."""


class SourceUnavailable(PerennialError):
    """What rows are collected from gave no answer in time; it may later."""


class TrackingError(PerennialError):
    """The MLflow server did not do what was asked."""


class TrackingUnavailable(TrackingError):
    """The MLflow server gave no answer within the bound."""


class EngineError(PerennialError):
    """The Dask cluster did not do what was asked."""


class OrchestrationError(PerennialError):
    """The Prefect server did not do what was asked."""


class IntegrityError(PerennialError):
    """Bytes are not what was signed or recorded."""


class StackError(PerennialError):
    """A process of the local stack is not as it should be."""


def own_words(message: str) -> str:
    """Return what the message of a failed run of Prefect says of the exception: its name and text.

    >>> own_words("Flow run encountered an exception: DataError: rows: there are some; got 0.")
    'DataError: rows: there are some; got 0.'
    """
    return message.removeprefix(ENCOUNTERED)


def tells_absence(message: str) -> bool:
    """Say whether the message of a failed run tells of a server that was away, or full: no more.

    >>> tells_absence(f"{ENCOUNTERED}StoreUnavailable: the bucket: it answers")
    True
    """
    # by name: of a flow's exception, Prefect hands its text on alone
    return any(
        kind.__name__ in message for kind in (StoreUnavailable, StoreFull, TrackingUnavailable)
    )
