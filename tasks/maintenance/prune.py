"""Remove what nothing needs any more, make few files of many, and say what came of it.

Whatever dies in between leaves everything readable, and the next run does the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.config.collect import BucketCollect
from tasks.data.compaction import plan_compaction
from tasks.data.table import Table, table_in
from tasks.data.upkeep import compact_files, list_unneeded, remove_unneeded
from tasks.faults import external_write
from tasks.maintenance.gather import find_taken_in, gather_needed
from tasks.maintenance.needed import Needed
from tasks.maintenance.stale import (
    Stale,
    stale_collected,
    stale_models,
    stale_pages,
    stale_quarantine,
    stale_results,
)
from tasks.quantities import parse_duration
from tasks.store.bucket import Bucket, ObjectInfo
from tasks.store.layout import RESULTS, RUN_OUTCOMES
from tasks.store.lease import leased
from tasks.store.reports import PAGES, find_pages
from tasks.workspace import Workspace

LEASE = 60.0
NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Pruned:
    """One place: its files and bytes before and after, and what was done, or would be."""

    place: str
    files: int
    size: int
    files_after: int
    size_after: int
    why: str


def alone(workspace: Workspace, seconds: float = LEASE) -> AbstractContextManager[None]:
    """Hold the lease of a pipeline's upkeep; a run that died holds it for so many seconds more.

    Raises:
        HeldElsewhere: another run holds it.
    """
    where = workspace.layout.upkeep_lease
    return leased(workspace.bucket, where, seconds, "prune", f"the upkeep of {workspace.name}")


def prune(workspace: Workspace, now: datetime, *, dry: bool = False) -> tuple[Pruned, ...]:
    """Prune one pipeline; where it is `dry`, only say what would go.

    Raises:
        IntegrityError: a manifest or a pointer does not hold: nothing was removed.
    """
    needed, layout = gather_needed(workspace), workspace.layout
    tables = (
        ("curated", layout.curated, needed.data),
        ("labels", layout.labels, needed.labels),
        ("predictions", layout.predictions, NONE),
        ("ledger", layout.ledger, NONE),
    )
    told = [
        _tend(workspace, place, path, Needed(NONE, keep, NONE, needed.exactly), dry=dry)
        for place, path, keep in tables
        if table_in(workspace.bucket, path).version() is not None
    ]
    folders = (
        (layout.models, _models),
        (layout.reports, _reports),
        (layout.quarantined, _quarantine),
        (layout.collected, _collected),
    )
    for folder, choose in folders:
        found = list(workspace.bucket.list(folder))
        told.append(_removed(workspace.bucket, choose(workspace, found, needed, now), found, dry))
    return tuple(told)


def prune_results(bucket: Bucket, keep: timedelta, now: datetime, *, dry: bool = False) -> Pruned:
    """Prune the results of steps, which lie beside the pipelines' folders."""
    found = [info for info in bucket.list(RESULTS) if not info.key.startswith(RUN_OUTCOMES)]
    return _removed(bucket, stale_results(found, keep, now), found, dry)


def _tend(workspace: Workspace, place: str, path: str, needed: Needed, *, dry: bool) -> Pruned:
    bucket, storage = workspace.bucket, workspace.pipeline.storage
    table, age = table_in(bucket, path), parse_duration(storage.keep_files)
    before = _weigh(bucket.list(f"{path}/"))
    there = {info.key: info.size for info in bucket.list(f"{path}/")}
    # the log names for a week what is gone
    gone = [
        size
        for name in list_unneeded(table, needed.data, needed.exactly, age)
        if (size := there.get(f"{path}/{name}")) is not None
    ]
    # first what frees room: a full disk takes no new files
    if gone and not dry:
        with external_write("prune.vacuum"):
            remove_unneeded(table, needed.data, needed.exactly, age)
    plan = plan_compaction(place, table.files(), storage.target_bytes)
    done = _compact(table, storage.target_bytes) if plan.files and not dry else plan.why
    if dry:
        after = (before[0] - len(gone), before[1] - sum(gone))
    else:
        after = _weigh(bucket.list(f"{path}/"))
    return Pruned(place, *before, *after, f"{len(gone)} files unneeded; {done}")


def _compact(table: Table, target: int) -> str:
    before = len(table.files())
    with external_write("prune.compact"):
        compact_files(table, target)
    return f"{before} files are read as {len(table.files())}"


def _models(workspace: Workspace, found: list[ObjectInfo], needed: Needed, now: datetime) -> Stale:
    return stale_models(found, workspace.layout, needed.models, workspace.pipeline.storage, now)


def _reports(workspace: Workspace, found: list[ObjectInfo], needed: Needed, now: datetime) -> Stale:
    pages = [find_pages(workspace.bucket, workspace.layout, kind) for kind in PAGES]
    return stale_pages(pages, found, needed.models, workspace.pipeline.storage, now)


def _quarantine(workspace: Workspace, found: list[ObjectInfo], _: Needed, now: datetime) -> Stale:
    return stale_quarantine(found, workspace.pipeline.storage, now)


def _collected(workspace: Workspace, found: list[ObjectInfo], _: Needed, now: datetime) -> Stale:
    # it sees from the copies that lie here what it copied
    if isinstance(workspace.pipeline.source.collect, BucketCollect):
        return Stale("collected", "a bucket's copies stay: they tell what was copied")
    storage = workspace.pipeline.storage
    old = stale_collected(found, storage, now)
    return stale_collected(find_taken_in(workspace), storage, now) if old.objects else old


def _removed(bucket: Bucket, stale: Stale, found: Iterable[ObjectInfo], dry: bool) -> Pruned:
    files, size = _weigh(found)
    for info in () if dry else stale.objects:
        with external_write("prune.object"):
            bucket.delete(info.key)
    gone, freed = _weigh(stale.objects)
    return Pruned(stale.place, files, size, files - gone, size - freed, stale.why)


def _weigh(found: Iterable[ObjectInfo]) -> tuple[int, int]:
    sizes = [info.size for info in found]
    return len(sizes), sum(sizes)
