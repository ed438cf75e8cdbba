"""What waits for a flow in one pipeline, read from the bucket alone."""

from __future__ import annotations

from tasks.config import find_pipeline
from tasks.data.curated import curated
from tasks.ingestion.ingest import pending
from tasks.ingestion.land_labels import pending_labels
from tasks.labels.table import labels_table
from tasks.ledger.ledger import ledger_of
from tasks.monitoring.arrivals import arrivals, label_arrivals, unanswered, undecided
from tasks.reconciliation.missing import Waiting
from tasks.settings import Settings
from tasks.store.s3 import S3Store


def waiting(settings: Settings, pipeline: str) -> dict[str, tuple[Waiting, ...]]:
    """Return what waits for ingest, label, monitor and train, by flow."""
    store = S3Store(settings)
    declared = find_pipeline(pipeline, settings.pipelines)
    objects = pending(store, declared)
    labels = pending_labels(settings, store, declared)
    table = curated(settings, pipeline)
    entries = ledger_of(settings, pipeline).entries()
    came = label_arrivals(labels_table(settings, pipeline).history())
    every = (*arrivals(table.history()), *came)
    found = () if table.version() is None else undecided(every, entries)
    return {
        "ingest": tuple(Waiting(info.key, info.modified) for info in objects),
        "label": tuple(Waiting(info.key, info.modified) for info in labels),
        "monitor": tuple(Waiting(one.batch[:12], one.at) for one in found),
        "train": tuple(Waiting(entry.id, entry.at) for entry in unanswered(entries)),
    }
