"""Which objects of a pipeline go, and why. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.config.sections import Storage
from tasks.quantities import parse_duration
from tasks.store.bucket import ObjectInfo
from tasks.store.layout import Layout
from tasks.store.reports import StoredPage

CLAIM = "claim.json"  # stays: no later version takes the number
MANIFEST = "manifest.json"
REPORT = "report.json"  # says that the batch is refused: without it, its object waits again


@dataclass(frozen=True)
class Stale:
    """The objects that go from one place, in the order they go, and why."""

    place: str
    why: str
    objects: tuple[ObjectInfo, ...] = ()


def stale_models(
    found: Iterable[ObjectInfo],
    layout: Layout,
    kept: Iterable[int],
    storage: Storage,
    now: datetime,
) -> Stale:
    """Return the files of versions that are not kept, those of unfinished ones too; old ones."""
    long_ago, stay = now - parse_duration(storage.keep_files), {str(version) for version in kept}
    versions: dict[str, list[ObjectInfo]] = {}
    for info in found:
        version, _, name = info.key.removeprefix(layout.models).partition("/")
        if version.isdigit() and version not in stay and name != CLAIM:
            versions.setdefault(version, []).append(info)
    gone = [files for files in versions.values() if all(f.modified < long_ago for f in files)]
    # the manifest first: without it there is no version, whatever a death leaves
    ordered = [
        info
        for files in gone
        for info in sorted(files, key=lambda info: (not info.key.endswith(MANIFEST), info.key))
    ]
    why = f"{len(gone)} never served, and not of the last {storage.keep_versions}"
    return Stale("models", why, tuple(ordered))


def stale_pages(
    pages: Iterable[Sequence[StoredPage]],
    found: Iterable[ObjectInfo],
    kept: Iterable[int],
    storage: Storage,
    now: datetime,
) -> Stale:
    """Return old pages but the newest of each kind, and those of the versions that are kept.

    Args:
        pages: of each kind, the newest first.
        found: the objects of all reports.
        kept: model versions.
        storage: the pipeline's settings.
        now: with a zone.
    """
    long_ago, stay = now - parse_duration(storage.keep_reports), {str(version) for version in kept}
    old = {
        page.key
        for kind in pages
        for page in kind[1:]
        if page.at < long_ago and not (page.kind in ("card", "explanation") and page.of in stay)
    }
    why = f"pages older than {storage.keep_reports}"
    return Stale("reports", why, tuple(info for info in found if info.key in old))


def stale_quarantine(found: Iterable[ObjectInfo], storage: Storage, now: datetime) -> Stale:
    """Return the bytes of what was refused long ago; why it was refused stays."""
    why = f"objects older than {storage.keep_quarantine}; the reasons stay"
    return _older("quarantine", why, found, storage.keep_quarantine, now, _is_bytes)


def stale_collected(found: Iterable[ObjectInfo], storage: Storage, now: datetime) -> Stale:
    """Return what was collected long ago, of what is in the table."""
    why = f"taken in, older than {storage.keep_collected}"
    return _older("collected", why, found, storage.keep_collected, now)


def stale_results(found: Iterable[ObjectInfo], keep: timedelta, now: datetime) -> Stale:
    """Return the results of steps that are old: a run that needs one computes it again."""
    old = tuple(info for info in found if info.modified < now - keep)
    return Stale("results", f"older than {keep.days}d", old)


def _is_bytes(info: ObjectInfo) -> bool:
    return info.key.rpartition("/")[2] != REPORT


def _older(
    place: str,
    why: str,
    found: Iterable[ObjectInfo],
    keep: str,
    now: datetime,
    fits: Callable[[ObjectInfo], bool] = lambda _: True,
) -> Stale:
    long_ago = now - parse_duration(keep)
    return Stale(place, why, tuple(i for i in found if i.modified < long_ago and fits(i)))
