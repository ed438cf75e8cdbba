"""Put a version in service: check it, swap the pointer, write the ledger, mirror the alias.

The pointer is the truth. The ledger's entry and the alias follow from it, so a process that died
after the swap leaves nothing that the next attempt cannot complete; every attempt first completes
what the pointer it found is lacking.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum

from tasks.errors import ConfigurationError, PerennialError, PreconditionFailed
from tasks.faults import external_write
from tasks.ledger.links import link_of
from tasks.promotion import pointer
from tasks.promotion.deciding import entries_to_decide_by
from tasks.promotion.manifest import Manifest
from tasks.promotion.outcome import Attempt, Change, Promotion, change_entry, failed_entry
from tasks.promotion.pointer import Champion
from tasks.promotion.versions import checked_version, require_version
from tasks.workspace import Place

ALIAS = "champion"
LONGEST_TEXT = 500
COMMANDS: Mapping[Change, str] = {"promotion": "promote", "rollback": "rollback"}
# A pointer that moves under each of five mirrorings has movers enough who mirror it themselves.
MIRRORINGS = 5


class Expected(Enum):
    """Stands for the pointer as it is when the attempt begins: None is that there was none."""

    NOW = "now"


def promote(
    place: Place,
    version: int | str,
    *,
    by: str,
    why: str,
    expected: str | Expected | None = Expected.NOW,
    override: str | None = None,
    attempt: str | None = None,
) -> Promotion:
    """Put a version in service, if every check passes and nobody else was faster.

    Args:
        version: its number; what a person typed is checked.
        by, why: recorded in the pointer and the ledger, up to 500 characters each.
        expected: the pointer's entity tag that the decision was made against (None: there was
            no champion); the attempt is lost if the pointer changed since.
        override: why a verdict that did not pass is overruled; recorded.
        attempt: a name that a repeated call shares, so that all of them do and record it once.

    Raises:
        ConfigurationError: there is no such version, or a text is empty.
        IntegrityError: the version's files or manifest do not hold.
    """
    asked = _attempt("promotion", by, why, override, attempt)
    return _change(place, checked_version(version), asked, expected)


def rollback(
    place: Place,
    version: int | str | None = None,
    *,
    by: str,
    why: str,
    override: str | None = None,
    attempt: str | None = None,
) -> Promotion:
    """Go back to the previous champion, or to a named version; checked as a promotion is.

    Rolling back twice goes back two: a version that was rolled back from is not gone back to.
    Arguments, outcomes and errors are those of `promote`; give `attempt` where a call may be
    repeated after a crash, so that the repetition does not go further back.
    """
    asked = _attempt("rollback", by, why, override, attempt)
    named = None if version is None else checked_version(version)
    return _change(place, named, asked, Expected.NOW)


def repair(place: Place) -> Promotion | None:
    """Complete the ledger and the alias for the pointer as it is; None without a champion."""
    found = pointer.read(place)
    if found is None:
        return None
    champion = found[0]
    place.ledger.append(change_entry(place.name, champion))
    done = Promotion("already", champion.kind, place.name, champion.version, champion)
    return _mirrored(place, done)


def _change(
    place: Place, named: int | None, asked: Attempt, expected: str | Expected | None
) -> Promotion:
    found, entries = pointer.read(place), entries_to_decide_by(place)
    current, etag = (None, None) if found is None else found
    if current is not None:
        pointer.refuse_older(place, current, entries)
    # true where the entry was lacking: whoever put the champion in service died before telling
    unfinished = current is not None and place.ledger.append(change_entry(place.name, current))
    version = named or (current.previous if current else None)
    if current is not None and _repeats(asked, named, current, unfinished):
        version = current.version
    outcome = Promotion("refused", asked.kind, place.name, version, current)
    if version is None:
        reason = "there is no previous champion to go back to"
        return _failed(place, replace(outcome, reasons=(reason,)), asked)
    if current is not None and current.version == version:
        return _mirrored(place, replace(outcome, outcome="already"))
    if expected is not Expected.NOW and expected != etag:
        return _lost(place, outcome, asked)
    manifest = require_version(place, version)
    if not manifest.verdict.passed and not asked.override:
        verdict, command = manifest.verdict, COMMANDS[asked.kind]
        remedy = verdict.ways_through(place.name, version, command)
        return _failed(place, replace(outcome, reasons=verdict.reasons, remedy=remedy), asked)
    last = place.ledger.table.last_commit()
    anchor = "" if last is None else link_of(last)
    new = pointer.succeed(current, replace(_champion(manifest, asked), anchor=anchor))
    try:
        # only over the pointer that was read: of two promotions at once, one loses
        with external_write("promote.pointer"):
            pointer.swap(place, new, etag)
    except PreconditionFailed:
        return _lost(place, outcome, asked)
    with external_write("promote.ledger"):
        place.ledger.append(change_entry(place.name, new))
    return _mirrored(place, replace(outcome, outcome="promoted", champion=new))


def _attempt(kind: Change, by: str, why: str, override: str | None, attempt: str | None) -> Attempt:
    for name, text in (("by", by), ("why", why), ("override", override)):
        if text is not None and (not text.strip() or len(text) > LONGEST_TEXT):
            came = "nothing" if not text.strip() else f"{len(text)} characters"
            rule = f"`{name}` is a text of 1 to {LONGEST_TEXT} characters"
            raise ConfigurationError(kind, rule, came, "Say it in a sentence.")
    return Attempt(kind, by, why, override or "", attempt or uuid.uuid4().hex)


def _repeats(asked: Attempt, named: int | None, current: Champion, unfinished: bool) -> bool:
    """Say whether the pointer is what this very call made before its process died."""
    # a rollback to "the previous" would otherwise go one further back when it is run again
    same_words = (asked.by, asked.why) == (current.by, current.why)
    return (
        asked.kind == current.kind
        and named in (None, current.version)
        and (asked.id == current.attempt or (unfinished and same_words))
    )


def _champion(manifest: Manifest, asked: Attempt) -> Champion:
    return Champion(
        version=manifest.version,
        digest=manifest.digest,
        since=datetime.now(UTC),
        by=asked.by,
        why=asked.why,
        kind=asked.kind,
        attempt=asked.id,
        override="" if manifest.verdict.passed else asked.override,
    )


def _lost(place: Place, outcome: Promotion, asked: Attempt) -> Promotion:
    found = pointer.read(place)
    winner, reason = None, "the pointer was taken away meanwhile"
    if found is not None:
        winner = found[0]
        since = winner.since.isoformat(timespec="seconds")
        reason = f"version {winner.version} was put in service meanwhile by {winner.by} at {since}"
        # the winner stands in the ledger before the one that lost to it
        place.ledger.append(change_entry(place.name, winner))
    lost = replace(outcome, outcome="lost", champion=winner, reasons=(reason,))
    return _failed(place, lost, asked)


def _failed(place: Place, outcome: Promotion, asked: Attempt) -> Promotion:
    place.ledger.append(failed_entry(outcome, asked, datetime.now(UTC)))
    return outcome


def _mirrored(place: Place, outcome: Promotion) -> Promotion:
    """Set the alias to the pointer's version, again while the pointer moves under it."""
    # MLflow has no compare-and-set: a slower mirroring would leave an older version's alias
    if place.mirror is None:
        return outcome
    problem = "the pointer kept moving"
    try:
        for _ in range(MIRRORINGS):
            before = pointer.read(place)
            if before is None:
                return outcome
            with external_write("promote.alias"):
                place.mirror(place.name, ALIAS, before[0].version, before[0].id)
            after = pointer.read(place)
            if after is not None and after[1] == before[1]:
                return replace(outcome, alias="mirrored")
    # the promotion stands without its alias; the reconciling flow mirrors it within a minute
    except PerennialError as error:
        problem = str(error)
    return replace(outcome, alias="pending", alias_problem=problem)
