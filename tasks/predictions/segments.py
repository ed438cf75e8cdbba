"""What release 0.1.0 left in the log: files of checked frames, in a folder for each pipeline.

`NAME.open` (a worker wrote it), `NAME.ready` (closed), `ID.filling/` (files were being chosen),
`ID.parcel/` or `NAME.parcel` (chosen, and maybe in the table) and `ID.done/` (in the table).
To go with the second release after it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from zlib import crc32

from tasks.errors import ConfigurationError
from tasks.predictions.backlog import Opened, Parcel
from tasks.store.layout import checked_name

MAGIC = b"perennial predictions 1\n"
LENGTH, HEAD = struct.Struct("<I"), struct.Struct("<II")
FILES = ("*.parcel", "*.ready", "*.open")


def left(folder: Path) -> Iterator[Parcel]:
    """Return what is to be shipped of it; those who wrote it died with the shipper before."""
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        with suppress(ConfigurationError, NotADirectoryError):
            name = checked_name(place.name)
            for path in place.glob("*.done"):
                _delete(path)
            for path in place.glob("*.filling"):
                path.rename(path.with_suffix(".parcel"))
            for path in [path for pattern in FILES for path in sorted(place.glob(pattern))]:
                done = partial(_done, path)
                yield Parcel(name, _transaction(path), partial(_open, path), done)
            with suppress(OSError):
                place.rmdir()


def unframed(data: bytes) -> Opened:
    """Read a file's frames: the payload's length, the CRC-32 of both, the payload.

    >>> unframed(MAGIC + bytes.fromhex("03000000 009aa929") + b"one" + b"more")
    Opened(payloads=(b'one',), torn=4)
    """
    if not data.startswith(MAGIC):
        return Opened((), len(data))
    payloads, place = [], len(MAGIC)
    while place + HEAD.size <= len(data):
        length, check = HEAD.unpack_from(data, place)
        payload = data[place + HEAD.size : place + HEAD.size + length]
        # nothing behind it is looked for: what a client sent may itself look like a frame
        if len(payload) < length or crc32(payload, crc32(LENGTH.pack(length))) != check:
            break
        payloads.append(payload)
        place += HEAD.size + length
    return Opened(tuple(payloads), len(data) - place)


def _segments(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


def _transaction(path: Path) -> str:
    """Return the id that the release before landed it under."""
    digest = hashlib.sha256()
    for segment in _segments(path):
        own = hashlib.sha256(segment.read_bytes()).hexdigest()
        digest.update(f"{segment.name} {own}\n".encode())
    return f"log-{digest.hexdigest()}"


def _open(path: Path) -> Opened:
    files = [unframed(segment.read_bytes()) for segment in _segments(path)]
    payloads = tuple(payload for file in files for payload in file.payloads)
    return Opened(payloads, sum(file.torn for file in files))


def _done(path: Path) -> None:
    # One rename first: a folder with half its files would land under another id.
    _delete(path.rename(path.with_suffix(".done")))


def _delete(path: Path) -> None:
    for segment in _segments(path):
        segment.unlink()
    if path.is_dir():
        path.rmdir()
