"""Whether the code that was imported is still the code on the disk."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

Entry = tuple[str, int, int]
Stamp = frozenset[Entry]
INSTALLED = Path(sysconfig.get_path("purelib"))


def stamp(sources: Iterable[Path]) -> Stamp:
    """Return path, time and size of every source file under `sources`, without reading any.

    Of the folder of the installed libraries only its own time, which changes when one is added
    or removed. A few hundred files take some milliseconds.
    """
    return frozenset(entry for source in sources for entry in _entries(source))


def _entries(source: Path) -> Iterator[Entry]:
    if source == INSTALLED or source.is_file():
        yield from _entry(source)
        return
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            if name.endswith(".py"):
                yield from _entry(Path(folder, name))


def _entry(path: Path) -> Iterator[Entry]:
    try:
        found = path.stat()
    except OSError:  # an editor replaces a file while this looks
        return
    yield str(path), found.st_mtime_ns, 0 if path == INSTALLED else found.st_size
