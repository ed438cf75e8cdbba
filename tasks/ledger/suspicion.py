"""Which batches are held back from every training until a person clears them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.errors import Refused
from tasks.ledger.entry import Entry
from tasks.ledger.reversal import ask_for_batch, names_batch, removed_batches, show_batch


@dataclass(frozen=True)
class Suspicion:
    """A batch (or a file of labels) that looked poisoned, and why, a sentence each."""

    batch: str
    object: str
    at: datetime
    reasons: tuple[str, ...]


def suspicions(entries: Iterable[Entry]) -> tuple[Suspicion, ...]:
    """Return every suspicion, whether cleared or not, oldest first."""
    # a suspicion is no entry of its own: it lies in the observation where it was seen, so that it
    # stays with the batch whatever is decided later, and a clearance is all that ends it
    found = []
    for entry in entries:
        seen = entry.figures.get("observation") if entry.kind == "decision" else None
        if seen and seen["suspicions"]:
            reasons = tuple(seen["suspicions"])
            found.append(Suspicion(seen["batch"], seen["object"], entry.at, reasons))
    return tuple(found)


def held_back(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the batches that no training learns from: suspicious, and not cleared since.

    What was taken out has no rows to hold back.
    """
    gone = removed_batches(entries)
    cleared = {entry.figures["batch"]: entry.at for entry in entries if entry.kind == "clearance"}
    held = (
        odd.batch
        for odd in suspicions(entries)
        if odd.batch not in gone and (odd.batch not in cleared or cleared[odd.batch] < odd.at)
    )
    # once each, in order: labels that come later may find the same batch odd again
    return tuple(dict.fromkeys(held))


def clearance(entries: Sequence[Entry], pipeline: str, batch: str, by: str, why: str) -> Entry:
    """Return the entry that lets a batch into the trainings again.

    `batch` is its id, the first six letters of it or more, or the name of its file.

    Raises:
        Refused: no batch of that name is held back, or several are.
    """
    held = set(held_back(entries))
    known = {odd.batch: odd for odd in suspicions(entries) if odd.batch in held}
    fits = [odd for odd in known.values() if names_batch(batch, odd.batch, odd.object)]
    if len(fits) != 1:
        listed = ", ".join(show_batch(odd.batch, odd.object) for odd in known.values())
        came = f"{len(fits)} batches named {batch}"
        asked = ask_for_batch(batch, [(odd.batch, odd.object) for odd in known.values()])
        remedy = f"Held back: {listed}." if listed else "No batch is held back."
        remedy = f"{asked} {remedy}".strip()
        raise Refused(f"pipeline {pipeline}", "one batch of that name is held back", came, remedy)
    (found,) = fits
    now, file = datetime.now(UTC), found.object.rpartition("/")[2]
    return Entry(
        # a batch may be held back again and cleared again: the time makes two ids of it
        id=f"clearance-{found.batch[:32]}-{now:%Y%m%d%H%M%S%f}",
        at=now,
        pipeline=pipeline,
        kind="clearance",
        version=None,
        by=by,
        summary=f"{file} is cleared, and the next training learns from it: {why}",
        figures={"batch": found.batch, "object": found.object, "reasons": list(found.reasons)},
    )
