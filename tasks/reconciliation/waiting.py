"""What waits for a flow in one pipeline, read from the bucket alone."""

from __future__ import annotations

from tasks.ingestion.ingest import pending
from tasks.ingestion.land_labels import pending_labels
from tasks.labels.table import labels_table
from tasks.monitoring.arrivals import arrivals, label_arrivals, unanswered, undecided
from tasks.reconciliation.missing import Waiting
from tasks.workspace import Workspace


def waiting(workspace: Workspace) -> dict[str, tuple[Waiting, ...]]:
    """Return what waits for ingest, label, monitor and train, by flow."""
    table, entries = workspace.curated, workspace.ledger.entries()
    labels = label_arrivals(labels_table(workspace.bucket, workspace.name).history())
    every = (*arrivals(table.history()), *labels)
    found = () if table.version() is None else undecided(every, entries)
    return {
        "ingest": tuple(Waiting(info.key, info.modified) for info in pending(workspace)),
        "label": tuple(Waiting(info.key, info.modified) for info in pending_labels(workspace)),
        "monitor": tuple(Waiting(arrival.batch[:12], arrival.at) for arrival in found),
        "train": tuple(Waiting(entry.id, entry.at) for entry in unanswered(entries)),
    }
