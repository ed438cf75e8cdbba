"""One line of the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tasks.documents import MARK, read_mark, unseal
from tasks.errors import DataError, IntegrityError
from tasks.records import plain

# Each kind with its title in the story. A release meets kinds of newer ones, and tells them too.
KINDS: Mapping[str, str] = {
    "decision": "A decision",
    "answer": "An answer",
    "verdict": "A training",
    "promotion": "Promoted",
    "rollback": "Rolled back",
    "lost": "A lost race",
    "refused": "A refused attempt",
    "scored": "Scored",
    "quarantine": "Quarantined",
    "rejection": "Rejected by a person",
    "trial": "Tried beside the champion",
    "withdrawal": "Withdrawn",
    "clearance": "Cleared by a person",
    "schema": "A schema change accepted",
    "removal": "Taken out by a person",
    "release": "Let in after all",
    "end": "Ended by a person",
}
CHANGES = ("promotion", "rollback")  # of who is in service
PROMOTION_ENDS = ("promotion", "lost", "refused")  # how putting a version in service ends


@dataclass(frozen=True)
class Entry:
    """What happened, when, to which pipeline and model version, by whom, and the figures.

    `id` names the event itself, so that telling it twice leaves it once. `kind` is one of `KINDS`,
    or of a newer release: whoever decides asks for the kinds it knows.

    Raises:
        DataError: the id is empty, or the time without a zone.
    """

    id: str
    at: datetime
    pipeline: str
    kind: str
    version: int | None
    by: str
    summary: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.id:
            raise DataError("ledger entry", "it has an id", "none")
        if self.at.tzinfo is None:
            raise DataError("ledger entry", "its time has a zone", self.at)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values; figures that are no numbers become None."""
        values: dict[str, Any] = plain(replace(self, at=self.at.astimezone(UTC)), nan_as_null=True)
        return values


def read_entry(row: Mapping[str, Any]) -> Entry:
    """Return the entry that a row of the table holds, also one that a newer release wrote."""
    kind, figures = row["kind"], json.loads(row["figures"])
    where = f"ledger entry {row['id']}"
    try:
        figures = unseal("entry", figures, where)
        observation = figures.get("observation") or {}
        if MARK in observation:
            read_mark("observation", observation[MARK], where)
    except IntegrityError:
        # of no kind that anybody asks for: it is told by name and summary, and nobody looks for a
        # figure that is another in the newer format
        kind = f"{kind} (newer format)"
    names = Entry.__dataclass_fields__.keys() & row.keys()
    return Entry(**{**{name: row[name] for name in names}, "kind": kind, "figures": figures})
