"""What in a pipeline's bucket this release cannot read or believe, looked at cheaply."""

from __future__ import annotations

from collections import Counter

from tasks.errors import IntegrityError, PerennialError
from tasks.labels.table import LABELLED_AT, labels_table
from tasks.ledger.entry import KINDS
from tasks.ledger.ledger import COLUMNS
from tasks.predictions.table import ADDED, SCHEMA, predictions_table
from tasks.promotion import pointer, trials
from tasks.promotion.deciding import entries_to_decide_by
from tasks.promotion.versions import manifest_of
from tasks.store.layout import BATCH, INGESTED_AT
from tasks.workspace import Place

NEWEST = 200


def find_unreadable(place: Place) -> tuple[str, ...]:
    """Return what this release cannot read, a sentence each, with what to do.

    Looked at are the pointers, the champion's manifest, the newest entries and the tables' columns,
    and whether the ledger's lines hold.
    """
    found = []
    looks = (_look_at_champion, trials.read, _look_at_entries, _look_at_tables)
    for look in (*looks, entries_to_decide_by):
        try:
            look(place)
        except PerennialError as error:
            found.append(str(error))
    return tuple(found)


def _look_at_champion(place: Place) -> None:
    found = pointer.read(place)
    if found is not None:
        manifest_of(place, found[0].version)


def _look_at_entries(place: Place) -> None:
    newest = place.ledger.entries()[-NEWEST:]
    unknown = Counter(entry.kind for entry in newest if entry.kind not in KINDS)
    if unknown:
        rule = f"this release knows the kinds of the newest {len(newest)} entries"
        counts = ", ".join(f"{count} of kind {kind}" for kind, count in sorted(unknown.items()))
        came = f"{counts}, written by a newer release"
        raise IntegrityError(place.layout.ledger, rule, came, "Upgrade perennial.")


def _look_at_tables(place: Place) -> None:
    tables = {
        place.layout.curated: (place.curated, (BATCH, INGESTED_AT)),
        place.layout.labels: (labels_table(place.bucket, place.name), (BATCH, LABELLED_AT)),
        place.layout.predictions: (
            predictions_table(place.bucket, place.name),
            {*SCHEMA.names} - {*ADDED},
        ),
        place.layout.ledger: (place.ledger.table, COLUMNS.names),
    }
    for where, (table, needed) in tables.items():
        schema = table.schema()
        lacking = [] if schema is None else sorted({*needed} - {*schema.names})
        if lacking:
            came = f"none named {', '.join(lacking)}"
            raise IntegrityError(where, "it has the columns of this release", came, "Restore it.")
