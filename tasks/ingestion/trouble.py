"""Objects that fail for a reason that is no refusal: counted, told, and set aside in the end.

One such object must not stop those behind it. What is kept of an exception holds no value of the
file: its text may quote one, so its class, its place in the code, and known parts stand for it.
"""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tasks.errors import (
    ConfigurationError,
    DataError,
    NotFound,
    PerennialError,
    PreconditionFailed,
    StoreError,
    bounded,
)
from tasks.faults import external_write
from tasks.ingestion.entrance import (
    TRIED,
    Entrance,
    find_pending,
    name_arrival,
    put_document,
    read_document,
)
from tasks.ingestion.land import LEASE, download, land, write_receipt
from tasks.ingestion.landing import Landed, Landing, Say
from tasks.ingestion.quarantine import keep_aside
from tasks.ingestion.reading import Lease
from tasks.readers.formats import tell_format
from tasks.readers.problem import Problem
from tasks.store.bucket import ObjectInfo
from tasks.store.keys import checked_key
from tasks.store.lease import HeldElsewhere
from tasks.validation.report import Report
from tasks.workspace import Place, Workspace

TRIES = 3  # the reconciler tries once a minute
LONGEST = 300  # characters


@dataclass(frozen=True)
class Troubled:
    """An object that could not be landed now: how often it failed by itself, and why.

    One that another run reads, `elsewhere`, is seen to.
    """

    key: str
    tries: int
    reason: str
    elsewhere: bool = False


@dataclass(frozen=True)
class Troubles:
    """How many objects of an entrance wait after a failure, and how many were set aside.

    `blocked` wait until a person mends the pipeline: nothing tries them by itself any more, for
    the `reason`.
    """

    waiting: int
    set_aside: int
    blocked: int = 0
    reason: str = ""


def try_landing(
    landing: Landing[Any], key: str, say: Say, *, again: bool = False, lease: Lease = LEASE
) -> Landed | Troubled:
    """Land one object; where it fails by itself for the third time, set it aside.

    An object that is gone, or changes while it is read, is told and not counted.

    Raises:
        ConfigurationError: the suite does not fit the columns.
        StoreError: the store, the disk or the table did not do what was asked: no object's fault.
    """
    try:
        checked_key(key)
    except StoreError as error:
        # Only a listing tells of it: no other call takes such a key.
        problem = Problem("object key", None, f"A key has {error.rule}. Rename the object.")
        return _set_aside(landing, key, problem, 0, None)
    try:
        return land(landing, key, say, again=again, lease=lease)
    except HeldElsewhere as error:
        return Troubled(key, 0, str(error), elsewhere=True)
    except (NotFound, PreconditionFailed) as error:
        return Troubled(key, 0, str(error))
    except (ConfigurationError, StoreError):
        raise
    # Whatever else: a reader's error, or ours, must not stop the objects behind this one.
    except Exception as error:
        return _count(landing, key, error, say)


@contextmanager
def counting_blocks(workspace: Workspace, entrance: Entrance, key: str) -> Iterator[None]:
    """Count that the pipeline itself kept an object from being tried, and let the error go on.

    It is no object's fault and sets none aside; but to try again what only a person can mend, each
    minute and for ever, would bury whatever else fails.
    """
    try:
        yield
    except (ConfigurationError, DataError) as error:
        info = workspace.bucket.head(key)
        if info is not None:
            where, digest = entrance.tries(info), workspace.pipeline.digest
            told = read_document(workspace.bucket, "tries", where)
            before = told.get("blocked", 0) if told.get("configuration") == digest else 0
            said = {"blocked": before + 1, "configuration": digest, "reason": str(error)}
            kept = {"key": info.key, "tries": told.get("tries", 0), "set_aside": False}
            with external_write(f"{entrance.flow}.tries"):
                put_document(workspace.bucket, "tries", where, {**kept, **said})
        raise


def find_hopeful(workspace: Workspace, entrance: Entrance) -> tuple[ObjectInfo, ...]:
    """Return what is pending and worth a try by itself: all but what the pipeline blocks."""
    pending = find_pending(workspace, entrance)
    tried = _tried(workspace, entrance) if pending else set()
    blocked = _blocked(workspace, entrance, pending, tried)
    return tuple(info for info in pending if info.key not in blocked)


def find_troubles(place: Place, entrance: Entrance) -> Troubles:
    """Count the objects that failed by themselves, from what lies beside the receipts."""
    tried = _tried(place, entrance)
    if not tried:
        return Troubles(0, 0)
    pending = find_pending(place, entrance)
    waiting = tried & {entrance.tries(info) for info in pending}
    done = [read_document(place.bucket, "tries", key) for key in tried - waiting]
    blocked = _blocked(place, entrance, pending, tried)
    return Troubles(
        len(waiting) - len(blocked),
        sum(document.get("set_aside") is True for document in done),
        len(blocked),
        next(iter(blocked.values()), ""),
    )


def _tried(place: Place, entrance: Entrance) -> set[str]:
    """Return where it stands that objects failed."""
    return {info.key for info in place.bucket.list(entrance.receipts) if info.key.endswith(TRIED)}


def _blocked(
    place: Place, entrance: Entrance, pending: Sequence[ObjectInfo], tried: Collection[str]
) -> dict[str, str]:
    """Return why the pipeline as it is blocks pending objects, by their keys."""
    digest = place.pipeline.digest if isinstance(place, Workspace) else None
    found = {}
    for info in pending:
        if entrance.tries(info) not in tried:
            continue
        told = read_document(place.bucket, "tries", entrance.tries(info))
        # A pipeline that was changed since may take it now.
        same = digest in (None, told.get("configuration"))
        if told.get("blocked", 0) >= TRIES and same:
            found[info.key] = str(told.get("reason", ""))
    return found


def describe(error: BaseException) -> str:
    """Return the error's class, where it was raised in our code, and what cannot hold a value.

    >>> describe(ValueError("could not convert 'Ann'"))
    'ValueError'
    >>> describe(OSError(5, "Input/output error", "/home/ann"))
    'OSError: Input/output error'
    """
    said: object = None
    if isinstance(error, PerennialError):
        said = error.rule
    elif isinstance(error, (UnicodeDecodeError, UnicodeEncodeError)):
        said = error.reason
    elif isinstance(error, OSError):
        said = error.strerror
    # The last frame of ours says more than the library's below it.
    frames = [
        f" in {frame.f_globals['__name__']}, line {line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).startswith(("tasks.", "expectations."))
    ]
    name = f"{type(error).__name__}{frames[-1] if frames else ''}"
    return bounded(f"{name}: {said}" if said else name, LONGEST)


def _count(landing: Landing[Any], key: str, error: Exception, say: Say) -> Landed | Troubled:
    bucket, entrance = landing.workspace.bucket, landing.entrance
    info = bucket.head(key)
    if info is None:
        return Troubled(key, 0, "It is gone.")
    told = read_document(bucket, "tries", entrance.tries(info)).get("tries", 0)
    tries, reason = (told if isinstance(told, int) else 0) + 1, describe(error)
    say(f"{key} failed, try {tries} of {TRIES}: {reason}")
    say("".join(traceback.format_tb(error.__traceback__)))
    if tries >= TRIES:
        message = f"It could not be read: {reason}."
        return _set_aside(landing, key, Problem("unreadable", None, message), tries, error)
    _write_tries(landing, info, tries, reason, set_aside=False)
    return Troubled(key, tries, reason)


def _set_aside(
    landing: Landing[Any], key: str, problem: Problem, tries: int, error: Exception | None
) -> Landed | Troubled:
    """Quarantine the object, with its bytes where they can be had, and leave its receipt."""
    place, entrance = landing.workspace, landing.entrance
    arrived = place.bucket.list(entrance.incoming)
    info = next((info for info in arrived if info.key == key), None)
    if info is None:
        return Troubled(key, 0, "It is gone.")
    with ExitStack() as stack:
        batch, path = name_arrival(info), None
        # Without an error it is the key that is no key: nothing can be downloaded by it.
        if error is not None:
            try:
                there = stack.enter_context(download(landing, key))
                batch, path = there.batch, there.path
            except StoreError:
                raise
            except Exception:
                path = None  # its bytes are what cannot be had: it stays where it came
        if landing.table.has(batch) is not None:
            return Troubled(key, tries, f"It landed, and then: {problem.message}")
        kind = tell_format(key) or "unknown format"
        report = Report(place.name, key, batch, info.size, kind, problems=(problem,))
        keep_aside(place.bucket, entrance, report, path)
        # The receipt comes last: until it is there, the object waits and is set aside again.
        _write_tries(landing, info, tries, problem.message, set_aside=True)
        landed = Landed("quarantined", batch, None, report.reasons())
        write_receipt(landing, info, landed)
        return landed


def _write_tries(
    landing: Landing[Any], info: ObjectInfo, tries: int, reason: str, *, set_aside: bool
) -> None:
    document = {"key": info.key, "tries": tries, "reason": reason, "set_aside": set_aside}
    bucket, entrance = landing.workspace.bucket, landing.entrance
    with external_write(f"{entrance.flow}.tries"):
        put_document(bucket, "tries", entrance.tries(info), document)
