"""Challengers that passed the gate and wait for a person (`gate.approval: manual`). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from tasks.ledger.entry import CHANGES, Entry


def waiting_versions(entries: Iterable[Entry]) -> tuple[int, ...]:
    """Return the versions that still wait, oldest first."""
    # a dict, for its order: a version judged again waits in its first place
    waiting: dict[int, None] = {}
    for entry in entries:
        if entry.version is None:
            continue
        if entry.kind == "verdict" and entry.figures.get("next") == "awaiting approval":
            waiting[entry.version] = None
        elif entry.kind in CHANGES:
            # what is older than the champion is not worth a person's look any more
            waiting = dict.fromkeys(version for version in waiting if version > entry.version)
        elif entry.kind == "rejection":
            waiting.pop(entry.version, None)
    return tuple(waiting)


def rejection(pipeline: str, version: int, by: str, why: str) -> Entry:
    """Return the ledger's line of a challenger that a person turned down."""
    return Entry(
        id=f"rejection-{pipeline}-{version}",
        at=datetime.now(UTC),
        pipeline=pipeline,
        kind="rejection",
        version=version,
        by=by,
        summary=f"version {version} was rejected: {why}",
        figures={"why": why},
    )
