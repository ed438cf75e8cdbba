"""Whether the files of a table are worth being made few. Pure.

A table gets a file a commit: each is a request to whoever reads the table, and a line of its log.
Rewriting costs a pass over the small ones, and their old files lie beside the new until they are
vacuumed: so some have to be there first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tasks.quantities import say_bytes

WORTH = 8  # small files: rewriting fewer saves a reader less than it costs


@dataclass(frozen=True)
class File:
    """A Parquet file of a table: its path under the table's, its rows where the log says, bytes."""

    path: str
    rows: int | None
    size: int = 0


@dataclass(frozen=True)
class Compaction:
    """The files of one table that are to be rewritten as fewer, and why; none where it is well."""

    table: str
    why: str
    files: tuple[str, ...] = ()
    size: int = 0


def plan_compaction(table: str, files: Iterable[File], target: int) -> Compaction:
    """Return what to rewrite of a table so that its files come near `target` bytes.

    >>> small = [File(f"{number}.parquet", 10, 2**20) for number in range(9)]
    >>> plan = plan_compaction("flights/ledger", [*small, File("large", 10, 2**30)], 2**27)
    >>> len(plan.files), plan.why
    (9, '9 files of 1.0 MiB in the mean, where 128.0 MiB are meant')
    >>> plan_compaction("flights/ledger", small[:7], 2**27).files
    ()
    """
    small = [file for file in files if file.size < target]
    size = sum(file.size for file in small)
    if len(small) < WORTH:
        return Compaction(table, f"{len(small)} small files, and {WORTH} are worth it")
    mean = say_bytes(size // len(small))
    why = f"{len(small)} files of {mean} in the mean, where {say_bytes(target)} are meant"
    return Compaction(table, why, tuple(file.path for file in small), size)
