"""Pin a training run to what is there now, as far as somebody has looked at it."""

from __future__ import annotations

from datetime import timedelta

from tasks.code import digest_code, lock_digest
from tasks.data.reference import DatasetRef, Window
from tasks.dataset.arrival import latest_event
from tasks.errors import DataError
from tasks.labels.table import labels_table, labels_version
from tasks.ledger.suspicion import held_back
from tasks.monitoring.arrivals import Arrival, find_arrivals
from tasks.promotion import pointer
from tasks.promotion.deciding import entries_to_decide_by
from tasks.promotion.versions import manifest_of
from tasks.store.layout import INGESTED_AT
from tasks.training.plan import TrainingPlan
from tasks.training.unseen import find_unseen, removed_after, version_before
from tasks.workspace import Place, Workspace


def pin_run(
    workspace: Workspace,
    length: timedelta | None,
    challengers: tuple[str, ...],
    *,
    with_suspicious: bool = False,
) -> TrainingPlan:
    """Return the plan for the curated table as it is now, or raise DataError where there is none.

    Batches that are held back as suspicious stay out, and those that nobody has looked at yet,
    unless a person asks for them.
    """
    pipeline, table = workspace.pipeline, workspace.curated
    newest, labels = table.data_version(), labels_version(workspace.bucket, pipeline)
    if newest is None:
        rule = "the curated table has rows"
        remedy = f"Ingest first: `perennial ingest {pipeline.name} FILE`."
        raise DataError(f"pipeline {pipeline.name}", rule, "no table", remedy)
    # The versions first: what comes later is in neither of them, whatever is decided on it.
    unseen = () if with_suspicious else list_unseen(workspace)
    version = version_before(unseen, newest, labels=False)
    assert version is not None, "the champion was pinned to an earlier one"
    # up to the newest event, not to now: the same data are the same plan whenever it is made
    window = Window()
    if length is not None:
        latest = latest_event(table.scan(version), pipeline.time_column, INGESTED_AT)
        if latest is None:
            rule = f"a row has an event time ({pipeline.event_time}) that is not after its arrival"
            raise DataError(table.uri, rule, "none")
        window = Window.up_to(latest, length)
    labels = version_before(unseen, labels, labels=True)
    return TrainingPlan(
        data=DatasetRef(pipeline.name, version, window),
        configuration=pipeline.digest,
        code=digest_code(pipeline.features.transform),
        lock=lock_digest(),
        seed=pipeline.training.seed,
        challengers=challengers,
        labels=labels,
        without=() if with_suspicious else _left_out(workspace, unseen, version, labels),
        unseen=tuple(arrival.batch for arrival in unseen),
    )


def list_unseen(place: Place) -> tuple[Arrival, ...]:
    """Return what came since the champion was pinned, and was not decided on; oldest first.

    Nothing before the first champion: there is nobody to look.
    """
    found = pointer.read_newest(place)
    if found is None:
        return ()
    manifest = manifest_of(place, found[0].version)
    data, labels = manifest.data_version, manifest.lineage.labels
    return find_unseen(find_arrivals(place), entries_to_decide_by(place), data, labels)


def _left_out(
    workspace: Workspace, unseen: tuple[Arrival, ...], version: int, labels: int | None
) -> tuple[str, ...]:
    held = held_back(entries_to_decide_by(workspace))
    if not unseen:
        return held
    later = labels_table(workspace.bucket, workspace.name).history()
    removed = (
        *removed_after(version, workspace.curated.history()),
        *removed_after(labels, later),
    )
    return tuple(dict.fromkeys([*held, *removed]))
