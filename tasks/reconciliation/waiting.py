"""What waits for a flow in one pipeline, read from the bucket alone."""

from __future__ import annotations

from tasks.ingestion.entrance import KINDS, Entrance, find_pending
from tasks.labels.table import labels_table
from tasks.monitoring.arrivals import arrivals, find_unanswered, find_undecided, label_arrivals
from tasks.reconciliation.missing import Waiting
from tasks.workspace import Workspace


def find_waiting(workspace: Workspace) -> dict[str, tuple[Waiting, ...]]:
    """Return what waits for ingest, label, monitor and train, by flow."""
    table, entries = workspace.curated, workspace.ledger.entries()
    labels = label_arrivals(labels_table(workspace.bucket, workspace.name).history())
    every = (*arrivals(table.history()), *labels)
    found = () if table.version() is None else find_undecided(every, entries)
    entrances = [Entrance(kind, workspace.layout) for kind in KINDS]
    arrived = {
        entrance.flow: tuple(
            Waiting(info.key, info.modified) for info in find_pending(workspace, entrance)
        )
        for entrance in entrances
    }
    return {
        **arrived,
        "monitor": tuple(Waiting(arrival.batch[:12], arrival.at) for arrival in found),
        "train": tuple(Waiting(entry.id, entry.at) for entry in find_unanswered(entries)),
    }
