"""One file of the log: open and locked while a worker writes it, then under its ready name."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from tasks.predictions.frames import MAGIC

OPEN, READY = ".open", ".ready"
TRIES = 5


class Segment:
    """A new file in `folder` that this process appends to, under its flock until it ends.

    A worker must not fork after it made one: the child would hold the lock as well.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        for place in (folder.parent, folder):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(TRIES):
            name = f"{time.time_ns():020d}-{worker}-{secrets.token_hex(4)}"
            self.path = folder / f"{name}{OPEN}"
            if self._lock():
                break
        else:
            raise OSError(f"{folder}: a new file was taken away {TRIES} times")
        self.size = 0
        self.answers = 0
        self.since = time.monotonic()

    def _lock(self) -> bool:
        """Make and lock the file; a shipper may take it for a dead worker's before the lock."""
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.path.stat().st_ino == os.fstat(self._file).st_ino:
                return True
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError:
            os.close(self._file)
            raise
        os.close(self._file)
        return False

    def write(self, frame: bytes, answers: int) -> None:
        """Append a frame with so many answers, whole or not at all.

        Raises:
            OSError: the disk did not take it; the file is as before.
        """
        data = frame if self.size else MAGIC + frame
        at, left = self.size, memoryview(data)
        try:
            while left:
                done = os.pwrite(self._file, left, at)
                at, left = at + done, left[done:]
        except OSError:
            # Were this to fail too, the same frame is written over its own torn end.
            with suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise
        self.size, self.answers = at, self.answers + answers

    def close(self) -> None:
        """Give the file its ready name, or remove it if nothing is in it; then let it go.

        Raises:
            OSError: the disk did not do it; the shipper finds the file all the same.
        """
        try:
            if self.size:
                self.path.rename(self.path.with_suffix(READY))
            else:
                self.path.unlink()
        finally:
            os.close(self._file)
