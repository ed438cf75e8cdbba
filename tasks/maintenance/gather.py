"""Find everything that pins a version of a table or a model, for `tasks.maintenance.needed`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tasks.errors import NotFound
from tasks.ingestion.entrance import Entrance, read_document, read_receipt
from tasks.maintenance.needed import Needed, PinnedData, find_needed
from tasks.promotion import pointer, trials
from tasks.promotion.versions import models
from tasks.store.bucket import ObjectInfo
from tasks.workspace import Workspace

BACKTESTS, PIN = "backtest", "/pin.json"


def gather_needed(workspace: Workspace) -> Needed:
    """Return what is still needed of a pipeline.

    Raises:
        IntegrityError: a manifest or a pointer does not hold, so that nobody knows what it needs.
    """
    champion, trial = pointer.read(workspace), trials.read(workspace)
    return find_needed(
        models={
            manifest.version: PinnedData(manifest.data_version, manifest.lineage.labels)
            for manifest in models(workspace)
        },
        entries=workspace.ledger.entries(),
        champion=None if champion is None else champion[0],
        trial=None if trial is None else trial[0].version,
        backtests=_backtests(workspace),
        scorings=_scorings(workspace),
        last=workspace.pipeline.storage.keep_versions,
    )


def find_taken_in(workspace: Workspace) -> Iterator[ObjectInfo]:
    """Yield what was collected and is in the table, by its receipt."""
    entrance, batches = Entrance("rows", workspace.layout), _batches(workspace)
    for info in workspace.bucket.list(workspace.layout.collected):
        if read_receipt(workspace.bucket, entrance, info) in batches:
            yield info


def _batches(workspace: Workspace) -> frozenset[str]:
    told = (commit.metadata.get("batch") for commit in workspace.curated.history())
    return frozenset(batch for batch in told if batch is not None)


def _backtests(workspace: Workspace) -> Iterator[PinnedData]:
    for info in workspace.bucket.list(workspace.layout.report(BACKTESTS, "")):
        if info.key.endswith(".json"):
            try:
                told = json.loads(workspace.bucket.get(info.key))
            except NotFound:
                continue
            yield PinnedData(told.get("data_version"), told.get("labels_version"))


def _scorings(workspace: Workspace) -> Iterator[int]:
    bucket = workspace.bucket
    for info in bucket.list(workspace.layout.scorings):
        if info.key.endswith(PIN):
            version = read_document(bucket, "pin", info.key).get("data_version")
            if isinstance(version, int):
                yield version
