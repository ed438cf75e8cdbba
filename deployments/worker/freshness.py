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
    """Return path, time and size of every source file under `sources`, without reading any.

    A few hundred files take some milliseconds.
    """
    return frozenset(entry for source in sources for entry in _entries(source))


def stamp_installed(folder: Path = INSTALLED) -> int:
    """Return the time of the folder of libraries; adding or removing one changes it."""
    return folder.stat().st_mtime_ns


def _entries(source: Path) -> Iterator[Entry]:
    with suppress(FileNotFoundError, NotADirectoryError):  # an editor may be replacing a file
        if source.is_dir():
            yield from _below(str(source))
        else:
            found = source.stat()
            yield str(source), found.st_mtime_ns, found.st_size


def _below(folder: str) -> Iterator[Entry]:
    with suppress(FileNotFoundError), os.scandir(folder) as every:
        for entry in every:
            if entry.name.endswith(".py"):
                with suppress(FileNotFoundError):
                    found = entry.stat()
                    yield entry.path, found.st_mtime_ns, found.st_size
            elif entry.name != "__pycache__" and entry.is_dir():
                yield from _below(entry.path)
