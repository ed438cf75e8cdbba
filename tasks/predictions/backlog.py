"""The answers between the requests and the tables: one SQLite database for all processes.

A process that is killed leaves whole transactions, whatever it was writing. A loss of power may
cost the last ones, and leaves the others whole. The disk is a local one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from tasks.documents import DOCUMENTS
from tasks.errors import IntegrityError
from tasks.faults import external_write

# folders named as no pipeline can be: 0.1.0 had one for each pipeline beside them
PLACE, DAMAGED, FILE = "_backlog", "_damaged", "answers.sqlite3"
FORMAT = DOCUMENTS["backlog"]
# Seconds that a write waits for another process's.
PATIENCE = 5.0
# To delete, SQLite writes first: up to 36 MiB of log for the smallest frames of a parcel of 16.
# Where others fill the disk to the last byte, everything waits.
RESERVE = 64 * 2**20
BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# What was shipped is not kept: deleted cells are zeroed, and deleted pages leave the file.
# WAL lets workers write while the shipper reads; NORMAL calls fsync at checkpoints only.
SETTINGS = """
PRAGMA auto_vacuum = INCREMENTAL; PRAGMA secure_delete = FAST;
PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
"""
TABLES = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS frames (
    number INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, size INTEGER NOT NULL,
    checksum INTEGER NOT NULL, payload BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS sizes ON frames (pipeline, number, size);
CREATE TABLE IF NOT EXISTS parcels (
    pipeline TEXT PRIMARY KEY, id TEXT NOT NULL, last INTEGER NOT NULL
);
PRAGMA user_version = {FORMAT};
COMMIT;
"""
# Of each pipeline without a parcel, the oldest frames of about so many bytes, one at the least,
# and none beyond a number.
CHOOSE = """
INSERT INTO parcels SELECT pipeline, 'log-' || lower(hex(randomblob(16))), max(number) FROM (
    SELECT pipeline, number, size,
        sum(size) OVER (PARTITION BY pipeline ORDER BY number) AS together
    FROM frames WHERE number <= ? AND pipeline NOT IN (SELECT pipeline FROM parcels)
) WHERE together <= ? OR together = size GROUP BY pipeline
"""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep the other threads and processes that ask for the same folder out."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Opened(NamedTuple):
    """The payloads of a parcel, and how many bytes beside them could not be read."""

    payloads: tuple[bytes, ...]
    torn: int


class Parcel(NamedTuple):
    """Answers of one pipeline that land together.

    Attributes:
        transaction: the id they land under, the same until they have.
        open: reads them.
        done: deletes them, for they have landed.
    """

    pipeline: str
    transaction: str
    open: Callable[[], Opened]
    done: Callable[[], None]


class Backlog:
    """The database below `folder`, as one thread sees it; it is made where there is none.

    Every method raises OSError or sqlite3.Error where the disk refuses; a write that failed left
    nothing.

    Raises:
        IntegrityError: a newer release made it.
    """

    def __init__(self, folder: Path, reserve: int = RESERVE) -> None:
        self.reserve = reserve
        place = folder / PLACE
        for path in (folder, place):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = place / FILE
        self.path.touch(mode=0o600)
        self._file = self.path.stat().st_ino
        self._database = sqlite3.connect(self.path, timeout=PATIENCE)
        try:
            # SQLite has no patience where the journal's mode changes: of two that open a new
            # file at once, one would be told that it is locked
            with _alone(place):
                self._prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._database.close()

    def _prepare(self) -> None:
        self._database.executescript(SETTINGS)
        (stored,) = self._database.execute("PRAGMA user_version").fetchone()
        if stored > FORMAT:
            remedy = "Let the release that made it ship what is in it."
            raise IntegrityError(f"{self.path}", f"format {FORMAT}", f"{stored}", remedy)
        # the format is written with the tables: whoever made the file may have died before
        if not stored:
            self._database.executescript(TABLES)

    def put(self, frames: Iterable[tuple[str, bytes]]) -> None:
        """Add payloads, each with its pipeline: all of them, or none.

        The last `reserve` bytes of the disk are left to the shipper, which makes room again.

        Raises:
            FileNotFoundError: somebody took the database away since it was opened.
        """
        # an open file whose name is gone takes writes all the same, and nobody would read them
        if self.path.stat().st_ino != self._file:
            raise FileNotFoundError(f"{self.path} was taken away")
        if shutil.disk_usage(self.path).free < self.reserve:
            raise OSError(errno.ENOSPC, f"under {self.reserve:,} bytes are free", f"{self.path}")
        rows = [(pipeline, len(data), crc32(data), data) for pipeline, data in frames]
        with self._database:
            self._database.executemany("INSERT INTO frames VALUES (NULL, ?, ?, ?, ?)", rows)

    def sizes(self) -> dict[str, int]:
        """Return the bytes that wait of each pipeline."""
        query = "SELECT pipeline, sum(size) FROM frames GROUP BY pipeline"
        return dict(self._database.execute(query))

    def newest(self) -> int:
        """Return the number of the payload that came last."""
        (number,) = self._database.execute("SELECT max(number) FROM frames").fetchone()
        return number or 0

    def parcels(self, limit: int, newest: int) -> Iterator[Parcel]:
        """Return what is to land next, a parcel of about `limit` bytes for each pipeline.

        One that was chosen before, and may have landed, stays as it is. What came after `newest`
        waits: a round that took it would not end while there are requests.
        """
        with external_write("log.choose"), self._database:
            self._database.execute(CHOOSE, (newest, limit))
        chosen = self._database.execute("SELECT pipeline, id, last FROM parcels ORDER BY pipeline")
        for pipeline, name, last in chosen.fetchall():
            whose = (pipeline, last)
            yield Parcel(pipeline, name, partial(self._open, whose), partial(self._done, whose))

    def tidy(self) -> None:
        """Give the disk back what was deleted, and the write-ahead log."""
        # `execute` would take one step of the first, which gives back one page.
        self._database.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")

    def _open(self, whose: tuple[str, int]) -> Opened:
        payloads, torn = [], 0
        query = "SELECT checksum, payload FROM frames WHERE pipeline = ? AND number <= ?"
        for checksum, payload in self._database.execute(f"{query} ORDER BY number", whose):
            # SQLite has no checksum of its own: a flipped bit would be read as another answer
            if crc32(payload) == checksum:
                payloads.append(payload)
            else:
                torn += len(payload)
        return Opened(tuple(payloads), torn)

    def _done(self, whose: tuple[str, int]) -> None:
        with external_write("log.delete"), self._database:
            self._database.execute("DELETE FROM frames WHERE pipeline = ? AND number <= ?", whose)
            self._database.execute("DELETE FROM parcels WHERE pipeline = ?", whose[:1])


def is_broken(error: Exception) -> bool:
    """Tell whether an error says that the database itself is damaged."""
    # the low byte is the primary code, which the extended ones refine
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN


def set_aside(folder: Path) -> tuple[Path, int]:
    """Take a damaged database away, so that another is made; return where it lies, and its bytes.

    One that was set aside earlier is deleted.

    Raises:
        OSError: the disk did not do it.
    """
    aside = folder / DAMAGED
    with suppress(FileNotFoundError):
        shutil.rmtree(aside)
    # its three files in one rename: another database never meets its write-ahead log
    (folder / PLACE).rename(aside)
    return aside, (aside / FILE).stat().st_size
