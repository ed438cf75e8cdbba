"""Which pipelines are as they were when nothing waited in them: six small requests a pipeline tell.

To look at one, its ledger and its tables are read. What is kept of the last look is only a cache,
in the home folder: where it is lost, or old, the pipeline is looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import PerennialError
from tasks.labels.table import labels_table
from tasks.records import plain, read
from tasks.store.layout import commit
from tasks.store.scratch import place_whole
from tasks.workspace import Place

AT_ONCE = 8
LONGEST = 600.0  # seconds until a pipeline is looked at whatever its mark says


@dataclass(frozen=True)
class Mark:
    """What was seen of a pipeline; what waits in it follows from nothing else.

    `versions` are those of its tables of rows, labels and the ledger (-1: there is none),
    `arrived` a digest of the objects at its entrances, `pointer` the tag of the champion's,
    `alias` what MLflow says, `file` time and size of the pipeline file.
    """

    versions: tuple[int, ...]
    arrived: str
    pointer: str
    alias: str
    file: str


@dataclass(frozen=True)
class Seen:
    """A mark, and when (seconds since 1970) nothing waited there."""

    mark: Mark
    at: float


def find_changed(
    places: Iterable[Place],
    seen: Mapping[str, Seen],
    aliases: Mapping[str, str],
    files: Path,
    now: float,
) -> dict[str, Mark | None]:
    """Return the pipelines to look at, each with its mark of now; None where it cannot be seen."""

    def look(place: Place) -> tuple[str, Mark | None, bool]:
        before, alias = seen.get(place.name), aliases.get(place.name, "")
        path = files / f"{place.name}.yaml"
        try:
            same = before is not None and 0 <= now - before.at < LONGEST
            if before and same and _stands(place, before.mark, alias, path):
                return place.name, None, False
            return place.name, take_mark(place, _versions(place), alias, path), True
        except (PerennialError, OSError):  # looking at it says what it is
            return place.name, None, True

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {name: mark for name, mark, changed in pool.map(look, places) if changed}


def take_mark(place: Place, versions: tuple[int, ...], alias: str, path: Path) -> Mark:
    """Return the mark of a pipeline whose tables have these versions."""
    arrived, layout, stat = hashlib.sha256(), place.layout, path.stat()
    for folder in (layout.incoming, layout.labels_incoming):
        for info in place.bucket.list(folder):
            arrived.update(f"{info.key}\n{info.etag}\n".encode(errors="surrogatepass"))
    champion = place.bucket.head(layout.champion)
    pointer = "" if champion is None else champion.etag
    return Mark(versions, arrived.hexdigest(), pointer, alias, f"{stat.st_mtime_ns} {stat.st_size}")


def _stands(place: Place, mark: Mark, alias: str, path: Path) -> bool:
    # A table's next commit has a known name: one small request says that there is none.
    tables = (place.layout.curated, place.layout.labels, place.layout.ledger)
    later = (commit(table, last + 1) for table, last in zip(tables, mark.versions, strict=True))
    return all(place.bucket.head(key) is None for key in later) and mark == take_mark(
        place, mark.versions, alias, path
    )


def _versions(place: Place) -> tuple[int, ...]:
    tables = (place.curated, labels_table(place.bucket, place.name), place.ledger.table)
    found = (table.version() for table in tables)
    return tuple(-1 if version is None else version for version in found)


def recall(path: Path, bucket: str) -> dict[str, Seen]:
    """Return what was kept of this bucket's pipelines; nothing where it cannot be read."""
    with suppress(OSError, ValueError, TypeError, KeyError, PerennialError):
        document = json.loads(path.read_text("utf-8"))
        if document["bucket"] == bucket:
            return read(dict[str, Seen], document["seen"], str(path))
    return {}


def remember(path: Path, bucket: str, seen: Mapping[str, Seen]) -> None:
    """Keep what was seen; whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"bucket": bucket, "seen": plain(dict(seen))})
    with place_whole(path) as partial:
        partial.write_text(text, "utf-8")
