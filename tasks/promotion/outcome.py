"""What came of a promotion or a rollback, and what the ledger says of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tasks.ledger.entry import Entry
from tasks.promotion.pointer import Champion
from tasks.records import plain
from tasks.signatures import sha256

Change = Literal["promotion", "rollback"]
Result = Literal["promoted", "lost", "refused", "already"]
Alias = Literal["mirrored", "pending", "untouched"]


@dataclass(frozen=True)
class Attempt:
    """What was asked for, by whom and why; calls that share an `id` are one attempt."""

    kind: Change
    by: str
    why: str
    override: str
    id: str


@dataclass(frozen=True)
class Promotion:
    """The outcome of one attempt.

    Attributes:
        version: the version asked for; None where a rollback had nothing to go back to.
        champion: who is in service now (the winner where the attempt was lost), or None.
        alias: whether the MLflow alias follows the pointer; "pending" is repaired by the next
            attempt, and `alias_problem` says what kept it.
        remedy: what would let a refused one through, where the gate refused it.
    """

    outcome: Result
    kind: Change
    pipeline: str
    version: int | None
    champion: Champion | None
    reasons: tuple[str, ...] = ()
    alias: Alias = "untouched"
    alias_problem: str = ""
    remedy: str = ""

    @property
    def message(self) -> str:
        """One sentence for a person."""
        what = self.pipeline if self.version is None else f"{self.pipeline} version {self.version}"
        now = self.champion
        pending = f"; the alias is pending: {self.alias_problem}" * (self.alias == "pending")
        if self.outcome == "promoted":
            instead = f" instead of version {now.replaced}" if now and now.replaced else ""
            return f"{what} is in service{instead} ({self.kind}){pending}"
        if self.outcome == "already":
            return f"{what} is in service already{pending}"
        said = f"{self.kind} of {what} {self.outcome}: {'; '.join(self.reasons)}"
        return f"{said}. {self.remedy}" if self.remedy else said

    def to_dict(self) -> dict[str, Any]:
        champion = None if self.champion is None else self.champion.to_dict()
        return {**plain(self), "champion": champion, "message": self.message}


def change_entry(pipeline: str, champion: Champion) -> Entry:
    """Return the ledger entry of the promotion or rollback that made this pointer."""
    # From the pointer alone: whoever reads it can complete a ledger that its maker left without
    # the entry, and the entry's id makes that happen once.
    instead = "" if champion.replaced is None else f" instead of version {champion.replaced}"
    figures: dict[str, Any] = {
        "attempt": champion.attempt,
        "digest": champion.digest,
        "replaced": champion.replaced,
        "why": champion.why,
    }
    if champion.anchor:
        figures["anchor"] = champion.anchor
    if champion.override:
        figures["override"] = champion.override
    return Entry(
        id=f"{champion.kind}-{champion.id}",
        at=champion.since,
        pipeline=pipeline,
        kind=champion.kind,
        version=champion.version,
        by=champion.by,
        summary=f"version {champion.version} is in service{instead}: {champion.why}",
        figures=figures,
    )


def failed_entry(promotion: Promotion, asked: Attempt, at: datetime) -> Entry:
    """Return the ledger entry of an attempt that was lost or refused."""
    assert promotion.outcome in ("lost", "refused"), promotion.outcome
    name = f"{asked.id}:{promotion.kind}:{promotion.version}"
    winner = promotion.champion
    return Entry(
        id=f"{promotion.outcome}-{sha256(name.encode())[:32]}",
        at=at,
        pipeline=promotion.pipeline,
        kind="lost" if promotion.outcome == "lost" else "refused",
        version=promotion.version,
        by=asked.by,
        summary=promotion.message,
        figures={
            "attempt": asked.id,
            "kind": promotion.kind,
            "why": asked.why,
            "reasons": list(promotion.reasons),
            "in_service": None if winner is None else winner.version,
        },
    )
