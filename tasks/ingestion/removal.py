"""Take a batch, or a file of labels, out of its table, and record who did so and why.

Its rows leave the newest version of the table, so that whoever reads it (a training, a replay, the
keys that are known, a person's own tools) is right at once. Earlier versions keep them: a model
goes on showing what it learned from, and nothing pinned to a version changes under it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.data.commits import find_removed
from tasks.data.table import Table
from tasks.errors import NotFound, Refused
from tasks.faults import external_write
from tasks.ingestion.entrance import KINDS, Kind
from tasks.labels.table import labels_table
from tasks.ledger.entry import Entry
from tasks.ledger.reversal import (
    ask_for_batch,
    names_batch,
    record_removal,
    removed_batches,
    show_batch,
)
from tasks.promotion import pointer
from tasks.promotion.versions import manifest_of
from tasks.store.layout import BATCH as BATCH_COLUMN
from tasks.workspace import Place

SHOWN = 5


@dataclass(frozen=True)
class HeldBatch:
    """A batch that a table took in: its rows, and the version that brought them.

    `removed` says that its rows are out already, whoever recorded it or died before.
    """

    kind: Kind
    batch: str
    object: str
    rows: int
    version: int
    removed: bool = False


def find_held(place: Place) -> tuple[HeldBatch, ...]:
    """Return every batch and file of labels that was ever taken in, oldest first."""
    return tuple(held for kind in KINDS for held in _held(_table(place, kind), kind))


def pick_held(place: Place, name: str) -> HeldBatch:
    """Return the batch that a person means; one that is out is meant only where none else is.

    Raises:
        Refused: no batch of that name was taken in, or several were.
    """
    done = removed_batches(place.ledger.entries())
    every = find_held(place)
    known = [held for held in every if held.batch not in done]
    fits = [held for held in known if names_batch(name, held.batch, held.object)]
    if len(fits) == 1:
        return fits[0]
    if any(names_batch(name, held.batch, held.object) for held in every if held.batch in done):
        raise Refused(f"pipeline {place.name}", f"{name} is taken out already")
    listed = ", ".join(show_batch(held.batch, held.object) for held in known[-SHOWN:])
    asked = ask_for_batch(name, [(held.batch, held.object) for held in known])
    remedy = f"The newest: {listed}." if listed else "Nothing was taken in yet."
    remedy = f"{asked} {remedy}".strip()
    raise Refused(f"pipeline {place.name}", f"{len(fits)} batches are named {name}", remedy=remedy)


def remove_batch(place: Place, held: HeldBatch, by: str, why: str) -> Entry:
    """Take the batch out and record it; again after a death, it ends as without one.

    Raises:
        StoreError: other writers won every time; nothing was changed.
    """
    if not held.removed:
        with external_write("remove.rows"):
            _table(place, held.kind).remove(BATCH_COLUMN, held.batch, {"by": by, "why": why})
    # The table first: an entry without its removal would say what is not so.
    entry = record_removal(place.name, held.batch, held.object, held.rows, held.kind, by, why)
    with external_write("remove.ledger"):
        place.ledger.append(entry)
    return entry


def learned_by_champion(place: Place, held: HeldBatch) -> int | None:
    """Return the version in service if it was pinned to data that held the batch, or None."""
    standing = pointer.read(place)
    if standing is None:
        return None
    try:
        manifest = manifest_of(place, standing[0].version)
    except NotFound:
        return None
    lineage = manifest.lineage
    pinned = manifest.data_version if held.kind == "rows" else lineage.labels
    knew = pinned is not None and held.version <= pinned and held.batch not in lineage.without
    return standing[0].version if knew else None


def _held(table: Table, kind: Kind) -> Iterator[HeldBatch]:
    commits = table.history()
    gone = find_removed(commits)
    for commit in commits:
        batch = commit.metadata.get("batch") if kind == "rows" else commit.transaction
        if batch is not None and commit.rows:
            key, out = commit.metadata.get("object", ""), batch in gone
            yield HeldBatch(kind, batch, key, commit.rows, commit.version, out)


def _table(place: Place, kind: Kind) -> Table:
    return place.curated if kind == "rows" else labels_table(place.bucket, place.name)
