"""Whether the code that was imported is still the code on the disk."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

Entry = tuple[str, int, int]
Stamp = frozenset[Entry]
INSTALLED = Path(sysconfig.get_path("purelib"))  # pip adds and removes entries here


def stamp(sources: Iterable[Path]) -> Stamp:
    """Return path, time and size of every source file under `sources`, without reading any."""
    return frozenset(entry for source in sources for entry in _entries(source))


def stamp_installed(folder: Path = INSTALLED) -> int:
    """Return the time of the folder of libraries; adding or removing one changes it."""
    # Thousands of files: too many to look at before each fork.
    return folder.stat().st_mtime_ns


def _entries(source: Path) -> Iterator[Entry]:
    """Yield the entries of a file or a folder; a few hundred files take some milliseconds."""
    places = [source] if source.is_file() else _below(source)
    for path in places:
        with suppress(FileNotFoundError):  # an editor may be replacing it
            found = os.stat(path)  # noqa: PTH116 (a Path a file doubles the time)
            yield str(path), found.st_mtime_ns, found.st_size


def _below(folder: Path) -> Iterator[str]:
    # os.walk passes over a folder that is gone, or goes away meanwhile.
    for parent, folders, names in os.walk(folder):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
        yield from (f"{parent}/{name}" for name in names if name.endswith(".py"))
