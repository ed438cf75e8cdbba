"""Which pipelines are as they were when nothing waited in them: six small requests a pipeline tell.

To look at one, its ledger and its tables are read. What is kept of the last look is only a cache,
in the home folder: where it is lost, or old, the pipeline is looked at. Of many that are idle only
some have their turn in a minute, so what a minute costs does not grow with them.
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
MINUTE = 60.0
IN_TURN = 50  # the most idle pipelines that the bucket is asked about in a minute
LONGEST = 600.0  # seconds until a pipeline is looked at whatever its mark says, if it has its turn
OVERDUE = 5  # the most that are looked at for that reason in a minute


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
    every = {place.name: place for place in places}
    idle = {name: before for name, before in seen.items() if name in every}
    asked, late = choose_turn(idle, now), choose_overdue(idle, now)

    def is_quiet(place: Place, alias: str, file: str) -> bool:
        before = idle.get(place.name)
        if (
            before is None
            or place.name in late
            or (before.mark.alias, before.mark.file) != (alias, file)
        ):
            return False
        return place.name not in asked or _stands(place, before.mark)

    def look(place: Place) -> tuple[str, Mark | None, bool]:
        alias, path = aliases.get(place.name, ""), files / f"{place.name}.yaml"
        try:
            file = _stamp(path)
            if is_quiet(place, alias, file):
                return place.name, None, False
            return place.name, take_mark(place, alias, file), True
        except (PerennialError, OSError):  # looking at it says what it is
            return place.name, None, True

    with ThreadPoolExecutor(AT_ONCE) as pool:
        looked = pool.map(look, every.values())
        return {name: mark for name, mark, changed in looked if changed}


def choose_turn(idle: Iterable[str], now: float) -> frozenset[str]:
    """Return the idle pipelines that have their turn in the minute of `now`.

    >>> sorted(choose_turn(["a", "b"], 0.0))
    ['a', 'b']
    >>> many = [f"{number:03}" for number in range(100)]
    >>> len(choose_turn(many, 0.0)), len(choose_turn(many, 0.0) | choose_turn(many, 60.0))
    (50, 100)
    """
    names = sorted(idle)
    turns = max(1, -(-len(names) // IN_TURN))
    return frozenset(names[int(now // MINUTE) % turns :: turns])


def choose_overdue(idle: Mapping[str, Seen], now: float) -> frozenset[str]:
    """Return those that were looked at longest ago, or of which the clock says they will be."""
    late = [name for name, before in idle.items() if not 0 <= now - before.at < LONGEST]
    return frozenset(sorted(late, key=lambda name: idle[name].at)[:OVERDUE])


def take_mark(place: Place, alias: str, file: str) -> Mark:
    """Return the mark of a pipeline as its bucket is now."""
    # The versions first: a commit that comes meanwhile makes the mark old, and is looked at.
    versions = _versions(place)
    return Mark(versions, *_outside(place), alias, file)


def _outside(place: Place) -> tuple[str, str]:
    """Return a digest of what lies at the entrances, and the tag of the champion's pointer."""
    arrived, layout = hashlib.sha256(), place.layout
    for folder in (layout.incoming, layout.labels_incoming):
        for info in place.bucket.list(folder):
            arrived.update(f"{info.key}\n{info.etag}\n".encode(errors="surrogatepass"))
    champion = place.bucket.head(layout.champion)
    return arrived.hexdigest(), "" if champion is None else champion.etag


def _stands(place: Place, mark: Mark) -> bool:
    # A table's next commit has a known name: one small request says that there is none.
    tables = (place.layout.curated, place.layout.labels, place.layout.ledger)
    later = (commit(table, last + 1) for table, last in zip(tables, mark.versions, strict=True))
    unchanged = all(place.bucket.head(key) is None for key in later)
    return unchanged and _outside(place) == (mark.arrived, mark.pointer)


def _stamp(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_mtime_ns} {stat.st_size}"


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
