"""A whole bucket copied into another, also while it is written to.

What leads to other objects is copied before them: a pointer before the version it names, a ledger
before the table it tells of, a table's log before its files. Each was written after what it leads
to, so all of that is there when it is copied. Into a bucket that somebody reads, the other way
round: what leads to something is written when that is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import NotFound
from tasks.store.bucket import Bucket
from tasks.store.keys import can_be_key
from tasks.store.layout import Layout

LOG = "/_delta_log/"
NEWEST = "_last_checkpoint"  # of a log: leads to others within it
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
}
A = Layout("a")
LEADING = (
    *(A.champion, A.challenger, A.ledger_head),
    *(A.receipts, A.label_receipts, A.collecting, A.starts),
)
DOCUMENT = re.compile("[^/]+(?:{})".format("|".join(re.escape(key[1:]) for key in LEADING)))


@dataclass(frozen=True)
class Copied:
    """How many objects were copied, their bytes, and keys that no other store takes: left out."""

    objects: int
    size: int
    left_out: tuple[str, ...] = ()


def lead(key: str) -> int | None:
    """Return how early an object is copied that leads to others; None where it leads to none.

    >>> lead("taxis/champion.json"), lead("taxis/ledger/_delta_log/0.json")
    (0, 1)
    >>> lead("taxis/curated/_delta_log/0.json"), lead("taxis/models/3/model.onnx")
    (3, None)
    """
    if DOCUMENT.match(key):
        return 0
    if LOG not in key:
        return None
    table = key.partition(LOG)[0].partition("/")[2]
    return {"ledger": 1, "curated": 3}.get(table, 2)


def copy_bucket(
    source: Bucket,
    target: Bucket,
    folder: Path,
    step: Callable[[Copied], None],
    *,
    leading_first: bool,
) -> Copied:
    """Copy every object; `folder` holds one at a time, `step` is told what is copied by then.

    Objects that the source loses meanwhile are left out, as are those whose keys can be none:
    whoever may write to `incoming/` could stop every copy by one.

    Raises:
        StoreError: as the two buckets.
    """
    passing, count, size = folder / "passing", 0, 0
    odd: set[str] = set()

    def copy_all(keys: list[str]) -> None:
        nonlocal count, size
        for key in keys:
            if not can_be_key(key):
                odd.add(key)
                continue
            try:
                size += source.download(key, passing).size
            except NotFound:
                continue
            target.upload(passing, key, content_type=guess_type(key))
            count += 1
            step(Copied(count, size))
        passing.unlink(missing_ok=True)

    if leading_first:
        copy_all(_leading(source))
        # Looked at again: what those lead to may have been written a moment ago.
        copy_all(_others(source))
    else:
        copy_all(_others(source))
        copy_all(_leading(source)[::-1])
    return Copied(count, size, tuple(sorted(odd)))


def guess_type(key: str) -> str:
    """Return what a browser is to take an object for, which no listing tells.

    >>> guess_type("taxis/reports/drift/1.html")
    'text/html; charset=utf-8'
    """
    return TYPES.get(Path(key).suffix, "application/octet-stream")


def _leading(bucket: Bucket) -> list[str]:
    ranks = {info.key: lead(info.key) for info in bucket.list("")}
    keys = [
        (rank, not key.endswith(NEWEST), key) for key, rank in ranks.items() if rank is not None
    ]
    return [key for *_, key in sorted(keys)]


def _others(bucket: Bucket) -> list[str]:
    return [info.key for info in bucket.list("") if lead(info.key) is None]
