"""Begin and end a challenger's trial beside the champion; the object in the bucket is the truth."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from tasks.errors import PreconditionFailed, Refused
from tasks.faults import external_write
from tasks.promotion import pointer
from tasks.promotion.compare_and_set import swapped
from tasks.promotion.manifest import Manifest
from tasks.promotion.pointer import Champion
from tasks.promotion.signed import sign_pointer, verify_pointer
from tasks.promotion.trial import Trial, trial_entries
from tasks.promotion.versions import checked_version, manifest_of, require_version
from tasks.records import plain
from tasks.records import read as read_record
from tasks.store.exchange import steady
from tasks.workspace import Place

KIND: Literal["trial"] = "trial"


def read(place: Place, *, accept: bool = False) -> tuple[Trial, str] | None:
    """Return the latest trial, ended or not, and its entity tag; None where there was none.

    With `accept`, what an earlier release left without a signature is taken as it is.

    Raises:
        IntegrityError: the object is no trial of this pipeline that a key signed, or a newer
            release's.
    """
    key = place.layout.challenger
    found = steady(place.bucket, key)
    if found is None:
        return None
    content = verify_pointer(place, KIND, found[0], key, accept=accept)
    return read_record(Trial, content, key, f"it is a {KIND}"), found[1]


def swap(place: Place, trial: Trial, etag: str | None) -> str:
    """Put a trial in the place of the one with this entity tag; raises as `swapped`."""
    data = sign_pointer(place, KIND, plain(trial))
    return swapped(place.bucket, place.layout.challenger, data, etag)


def standing(place: Place) -> Trial | None:
    """Return the trial that goes on now, or None; raises as `read`."""
    found, champion = read(place), pointer.read(place)
    if found is None or champion is None or not found[0].stands(champion[0].digest):
        return None
    return found[0]


def begin(
    place: Place,
    version: int | str,
    share: float,
    *,
    by: str,
    why: str,
    max_error_rate: float,
    max_drop: float,
    override: bool = False,
) -> Trial:
    """Try a version beside the champion, in the place of another trial.

    `share` 0 is shadow. A version that the gate refused may be tried in shadow, and as a canary
    with `override`.

    Raises:
        Refused: there is no champion, the version is it or did not pass, its classes are others,
            or somebody else began a trial at the same time.
        ConfigurationError: there is no such version.
        IntegrityError: its files do not hold.
    """
    found = pointer.read(place)
    where = f"{place.name} version {version}"
    if found is None:
        rule = "a challenger is tried beside a champion"
        raise Refused(where, rule, "no champion", "Promote a version first.")
    champion, before = found[0], read(place)
    # the next write takes the earlier trial away, and with it what the ledger may still lack
    if before is not None:
        _tell(place, before[0])
    manifest = require_version(place, checked_version(version))
    _check(place, manifest, champion, share, override=override, where=where)
    trial = Trial(
        version=manifest.version,
        digest=manifest.digest,
        beside=champion.digest,
        champion=champion.version,
        share=share,
        since=_later_than(before[0].changed if before else None),
        by=by,
        why=why,
        max_error_rate=max_error_rate,
        max_drop=max_drop,
        attempt=uuid.uuid4().hex,
    )
    _write(place, trial, before[1] if before else None, where)
    return trial


def begin_once(
    place: Place, version: int, share: float, *, max_error_rate: float, max_drop: float
) -> Trial | None:
    """Try a challenger that awaits approval; None without a champion, or where it was tried beside
    this one before. Raises as `begin`.
    """
    found, champion = read(place), pointer.read(place)
    # ended or not: a challenger that was withdrawn is not begun again by a training that repeats
    tried = found and (found[0].version, found[0].beside)
    if champion is None or tried == (version, champion[0].digest):
        return None
    return begin(
        place,
        version,
        share,
        by="train",
        why="it awaits approval",
        max_error_rate=max_error_rate,
        max_drop=max_drop,
    )


def withdraw(place: Place, *, by: str, why: str, trial: Trial | None = None) -> Trial | None:
    """End the trial that goes on and return it; None where none does any more.

    With `trial`, only that very one is ended. What a crash left out of the ledger is completed.
    """
    found, champion = read(place), pointer.read(place)
    if found is None or champion is None:
        return None
    now, etag = found
    _tell(place, now)
    if not now.stands(champion[0].digest) or (trial is not None and now.attempt != trial.attempt):
        return None
    ended = replace(now, ended=why, ended_by=by, ended_at=_later_than(now.since))
    try:
        with external_write("trial.pointer"):
            swap(place, ended, etag)
    # several workers may see the same bound broken: one of them ends it and tells
    except PreconditionFailed:
        return None
    with external_write("trial.ledger"):
        _tell(place, ended)
    return ended


def _later_than(changed: datetime | None) -> datetime:
    """Return the time, or the first after the last change, where another clock is ahead."""
    now = datetime.now(UTC)
    return now if changed is None else max(now, changed + pointer.INSTANT)


def _check(
    place: Place,
    manifest: Manifest,
    champion: Champion,
    share: float,
    *,
    override: bool,
    where: str,
) -> None:
    if manifest.digest == champion.digest:
        raise Refused(where, "a challenger is not the champion", "the champion")
    # in shadow nobody gets its answers, whatever they are
    if not share:
        return
    if not manifest.verdict.passed and not override:
        reasons = "; ".join(manifest.verdict.reasons)
        remedy = "Try it in shadow, or overrule the gate with --override."
        raise Refused(where, "a canary passed the gate", reasons, remedy)
    classes = manifest_of(place, champion.version).classes
    if manifest.classes != classes:
        rule = "a canary has the champion's classes, for its answers stand among the champion's"
        came = f"{list(manifest.classes)}, not {list(classes)}"
        raise Refused(where, rule, came, "Try it in shadow.")


def _write(place: Place, trial: Trial, etag: str | None, where: str) -> None:
    try:
        with external_write("trial.pointer"):
            swap(place, trial, etag)
    except PreconditionFailed as error:
        rule = "nobody else begins or ends a trial at the same time"
        raise Refused(where, rule, "another trial", "See `perennial status`.") from error
    with external_write("trial.ledger"):
        _tell(place, trial)


def _tell(place: Place, trial: Trial) -> None:
    for entry in trial_entries(place.name, trial):
        place.ledger.append(entry)
