"""A folder for one ingestion's temporary files, removed whatever happens to the process."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tasks.errors import StoreFull

FULL = 28  # ENOSPC


@contextmanager
def scratch(home: Path) -> Iterator[Path]:
    """Yield an empty folder under `home`, and remove it at the end.

    Folders that a killed process left are removed first: nobody holds their lock any more.

    Raises:
        StoreFull: the disk has no room for the files.
    """
    base = home / "scratch"
    base.mkdir(parents=True, exist_ok=True)
    _sweep(base)
    folder, lock = _claimed(base)
    try:
        yield folder
    except OSError as error:
        if error.errno != FULL and "No space left" not in str(error):
            raise
        free = shutil.disk_usage(base).free // 2**20
        remedy = "Free some, or set PERENNIAL_HOME to a larger disk."
        raise StoreFull(str(base), "the disk has room", f"{free} MiB free", remedy) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _claimed(base: Path) -> tuple[Path, IO[str]]:
    """Return a new folder and its held lock; a sweep may take one that is not locked yet."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=base))
        with suppress(FileNotFoundError):
            lock = (folder / "lock").open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (folder / "lock").exists():
                return folder, lock
            lock.close()


def _sweep(base: Path) -> None:
    for folder in base.iterdir():
        with suppress(OSError), (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
