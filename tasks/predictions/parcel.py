"""What one commit brings: closed files of the log in a folder of their own, moved by renames.

In a pipeline's folder lie `NAME.open` (a worker writes it), `NAME.ready` (closed),
`ID.filling/` (files are being chosen), `ID.parcel/` (chosen; they change no more) and `ID.done/`
(they are in the table). Every step is one rename, so a process may die between any two. Where the
disk has no room for a folder, a file is renamed to `NAME.parcel` and lands alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import ConfigurationError
from tasks.faults import external_write
from tasks.predictions.segment import OPEN, READY
from tasks.store.layout import checked_name

FILLING, PARCEL, DONE = ".filling", ".parcel", ".done"


@dataclass(frozen=True)
class Parcel:
    """A folder of segments that land together, or one segment by itself."""

    path: Path

    def segments(self) -> tuple[Path, ...]:
        """Return its files, oldest first."""
        return (self.path,) if self.path.is_file() else tuple(sorted(self.path.iterdir()))

    def transaction(self) -> str:
        """Return the id it lands under: a digest of every file's name and content."""
        digest = hashlib.sha256()
        for segment in self.segments():
            with segment.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{segment.name} {content}\n".encode())
        return f"log-{digest.hexdigest()}"

    def done(self) -> None:
        """Say that it landed, then delete it."""
        path = self.path.with_suffix(DONE)
        self.path.rename(path)
        _delete(path)


def places(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name and the folder of each pipeline whose answers lie under `folder`."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        with suppress(ConfigurationError):
            if path.is_dir():
                yield checked_name(path.name), path


def adopt(place: Path) -> int:
    """Close the files whose workers are dead, and return how many; a living one holds its lock."""
    adopted = 0
    for path in place.glob(f"*{OPEN}"):
        with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_size:
                path.rename(path.with_suffix(READY))
                adopted += 1
            else:
                path.unlink()
    return adopted


def parcels(place: Path, limit: int) -> tuple[Parcel, ...]:
    """Return what is to land next, made of closed files of about `limit` bytes together.

    What an earlier process left half done is completed first.
    """
    for path in place.glob(f"*{DONE}"):
        _delete(path)
    for path in place.glob(f"*{FILLING}"):
        path.rename(path.with_suffix(PARCEL))
    left = sorted(place.glob(f"*{PARCEL}"))
    if not left:
        left = _filled(place, limit)
    return tuple(Parcel(path) for path in left)


def _filled(place: Path, limit: int) -> list[Path]:
    chosen: list[Path] = []
    size = 0
    for path in sorted(place.glob(f"*{READY}")):
        bytes_ = path.stat().st_size
        if chosen and size + bytes_ > limit:
            break
        chosen.append(path)
        size += bytes_
    if not chosen:
        return []
    filling = place / f"{chosen[0].stem}-{secrets.token_hex(4)}{FILLING}"
    try:
        filling.mkdir(mode=0o700)
    except OSError:
        # Shipping is what makes room again.
        return [chosen[0].rename(chosen[0].with_suffix(PARCEL))]
    for path in chosen:
        with external_write("log.choose"):
            path.rename(filling / path.name)
    return [filling.rename(filling.with_suffix(PARCEL))]


def _delete(path: Path) -> None:
    for segment in Parcel(path).segments():
        with external_write("log.delete"):
            segment.unlink()
    if path.is_dir():
        path.rmdir()
