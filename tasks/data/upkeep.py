"""The door of Delta Lake for its upkeep: few files for many, and what no version needs removed.

Neither changes a row. A commit of either is no version of the data: who pinned the version before
reads the same rows of the new files (`Location.same_rows`), and who follows it may append.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from tasks.data.delta import ATTEMPTS, ROW_GROUP
from tasks.data.location import Location
from tasks.data.table_errors import explain, others_won, translate_errors


def compact_files(location: Location, target: int) -> int:
    """Rewrite files below `target` bytes as few that come near it; return how many are fewer.

    The rows keep their order. Appends that come meanwhile land; a batch that is taken out
    meanwhile makes it begin again.

    Raises:
        StoreError: others won every time, or there is no room; every version is as it was.
    """
    from deltalake import WriterProperties

    def compact(opened: Any) -> int:
        done = opened.optimize.compact(
            target_size=target,
            # each holds a file's rows in memory
            max_concurrent_tasks=1,
            writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=ROW_GROUP),
        )
        return int(done["numFilesRemoved"]) - int(done["numFilesAdded"])

    return _tried(location, compact)


def list_unneeded(
    location: Location, keep: Collection[int], exactly: Collection[int], age: timedelta
) -> tuple[str, ...]:
    """Return the files that neither the newest version needs nor those to keep, under the table's.

    Args:
        location: of a table, which may not be there yet.
        keep: versions whose rows are needed.
        exactly: versions of which the very files are needed, for somebody counts rows by them.
        age: what was in use until less than so long ago, or written since, stays.

    Some of them may be gone: the log names for a week what was removed.
    """
    opened = location.open()
    return () if opened is None else _vacuumed(location, opened, keep, exactly, age, dry=True)


def remove_unneeded(
    location: Location, keep: Collection[int], exactly: Collection[int], age: timedelta
) -> int:
    """Remove what `list_unneeded` returns; return how many files."""

    def vacuum(opened: Any) -> int:
        return len(_vacuumed(location, opened, keep, exactly, age, dry=False))

    return _tried(location, vacuum)


def _vacuumed(
    location: Location,
    opened: Any,
    keep: Collection[int],
    exactly: Collection[int],
    age: timedelta,
    *,
    dry: bool,
) -> tuple[str, ...]:
    newest = int(opened.version())
    kept = {location.same_rows(opened, version) for version in keep if 0 <= version <= newest}
    kept |= {version for version in exactly if 0 <= version <= newest}
    with translate_errors(location.uri):
        found = opened.vacuum(
            retention_hours=int(age.total_seconds() // 3600),
            dry_run=dry,
            # ours is the pipeline file's, which may be less than the table's week
            enforce_retention_duration=False,
            # what a killed writer left is in no log
            full=True,
            keep_versions=sorted(kept) or None,
        )
    return tuple(found)


def _tried(location: Location, act: Callable[[Any], int]) -> int:
    from deltalake.exceptions import CommitFailedError

    for _ in range(ATTEMPTS):
        opened = location.opened(None)
        try:
            return act(opened)
        except CommitFailedError:
            continue
        except Exception as error:
            raise explain(str(error), location.uri) from error
    raise others_won(location.uri)
