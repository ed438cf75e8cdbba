"""Begin and end a challenger's trial beside the champion; the object in the bucket is the truth."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from tasks.errors import ConfigurationError, NotFound, PreconditionFailed, Refused
from tasks.faults import external_write
from tasks.ledger.ledger import Ledger
from tasks.promotion import pointer
from tasks.promotion.compare_and_set import steady, swapped
from tasks.promotion.manifest import Manifest
from tasks.promotion.pointer import Champion
from tasks.promotion.promote import Context
from tasks.promotion.trial import Trial, trial_entries
from tasks.promotion.versions import checked_version, load, manifest_of
from tasks.store.base import Store
from tasks.store.layout import Layout


def read(store: Store, pipeline: str) -> tuple[Trial, str] | None:
    """Return the latest trial, ended or not, and its entity tag; None where there was none.

    Raises:
        IntegrityError: the object is no trial.
        StoreError: the store did not answer.
    """
    key = Layout(pipeline).challenger
    found = steady(store, key)
    return None if found is None else (Trial.from_bytes(found[0], key), found[1])


def standing(store: Store, pipeline: str) -> Trial | None:
    """Return the trial that goes on now, or None; raises as `read`."""
    found, champion = read(store, pipeline), pointer.read(store, pipeline)
    if found is None or champion is None or not found[0].stands(champion[0].digest):
        return None
    return found[0]


def begin(
    context: Context,
    version: int | str,
    share: float,
    *,
    by: str,
    why: str,
    max_error_rate: float,
    max_drop: float,
    override: bool = False,
) -> Trial:
    """Try a version beside the champion, in the place of another trial; every check is made.

    `share` 0 is shadow. A version that the gate refused may be tried in shadow, and as a canary
    with `override`.

    Raises:
        Refused: there is no champion, the version is it or did not pass, its classes are others,
            or somebody else began a trial at the same time.
        ConfigurationError: there is no such version.
        IntegrityError: its files do not hold.
        StoreError: the store did not answer.
    """
    found = pointer.read(context.store, context.pipeline)
    where = f"{context.pipeline} version {version}"
    if found is None:
        rule = "a challenger is tried beside a champion"
        raise Refused(where, rule, "no champion", "Promote a version first.")
    champion, before = found[0], read(context.store, context.pipeline)
    if before is not None:
        _tell(context.ledger, context.pipeline, before[0])
    manifest = _loaded(context, checked_version(version))
    _check(context, manifest, champion, share, override=override, where=where)
    trial = Trial(
        version=manifest.version,
        digest=manifest.digest,
        beside=champion.digest,
        champion=champion.version,
        share=share,
        since=datetime.now(UTC),
        by=by,
        why=why,
        max_error_rate=max_error_rate,
        max_drop=max_drop,
        attempt=uuid.uuid4().hex,
    )
    _write(context, trial, before[1] if before else None, where)
    return trial


def begin_once(
    context: Context, version: int, share: float, *, max_error_rate: float, max_drop: float
) -> Trial | None:
    """Try a challenger that awaits approval; None where it was tried beside this champion before,
    or there is none.

    Raises as `begin`.
    """
    found = read(context.store, context.pipeline)
    champion = pointer.read(context.store, context.pipeline)
    tried = found and (found[0].version, found[0].beside)
    if champion is None or tried == (version, champion[0].digest):
        return None
    return begin(
        context,
        version,
        share,
        by="train",
        why="it awaits approval",
        max_error_rate=max_error_rate,
        max_drop=max_drop,
    )


def withdraw(
    store: Store,
    ledger: Ledger,
    pipeline: str,
    *,
    by: str,
    why: str,
    trial: Trial | None = None,
) -> Trial | None:
    """End the trial that goes on and return it; None where none does any more.

    With `trial`, only that very one is ended. What a crash left out of the ledger is completed.

    Raises:
        StoreError: the store did not answer.
    """
    found = read(store, pipeline)
    champion = pointer.read(store, pipeline)
    if found is None or champion is None:
        return None
    now, etag = found
    _tell(ledger, pipeline, now)
    if not now.stands(champion[0].digest) or (trial is not None and now.attempt != trial.attempt):
        return None
    ended = replace(now, ended=why, ended_by=by, ended_at=datetime.now(UTC))
    try:
        with external_write("trial.pointer"):
            swapped(store, Layout(pipeline).challenger, ended.to_bytes(), etag)
    except PreconditionFailed:
        return None
    with external_write("trial.ledger"):
        _tell(ledger, pipeline, ended)
    return ended


def _loaded(context: Context, version: int) -> Manifest:
    try:
        return load(context.store, context.pipeline, version, context.signing_key)[0]
    except NotFound as error:
        rule = f"{context.pipeline} has the version"
        remedy = f"List them with `perennial models {context.pipeline}`."
        raise ConfigurationError("model version", rule, version, remedy) from error


def _check(
    context: Context,
    manifest: Manifest,
    champion: Champion,
    share: float,
    *,
    override: bool,
    where: str,
) -> None:
    if manifest.digest == champion.digest:
        raise Refused(where, "a challenger is not the champion", "the champion")
    if not share:
        return
    if not manifest.verdict.passed and not override:
        reasons = "; ".join(manifest.verdict.reasons)
        remedy = "Try it in shadow, or overrule the gate with --override."
        raise Refused(where, "a canary passed the gate", reasons, remedy)
    args = context.store, context.pipeline, champion.version, context.signing_key
    classes = manifest_of(*args).classes
    if manifest.classes != classes:
        rule = "a canary has the champion's classes, for its answers stand among the champion's"
        came = f"{list(manifest.classes)}, not {list(classes)}"
        raise Refused(where, rule, came, "Try it in shadow.")


def _write(context: Context, trial: Trial, etag: str | None, where: str) -> None:
    try:
        with external_write("trial.pointer"):
            key = Layout(context.pipeline).challenger
            swapped(context.store, key, trial.to_bytes(), etag)
    except PreconditionFailed as error:
        rule = "nobody else begins or ends a trial at the same time"
        raise Refused(where, rule, "another trial", "See `perennial status`.") from error
    with external_write("trial.ledger"):
        _tell(context.ledger, context.pipeline, trial)


def _tell(ledger: Ledger, pipeline: str, trial: Trial) -> None:
    for entry in trial_entries(pipeline, trial):
        ledger.append(entry)
