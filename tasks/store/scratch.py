"""Temporary files: removed, or made whole, whatever happens to the process."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tasks.errors import StoreFull

# No object's fault: no room, a quota, a bound on the size of files (`ulimit -f`).
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def place_whole(path: Path) -> Iterator[Path]:
    """Yield the path of a file that becomes `path`; where the block fails, it is removed."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def scratch(home: Path) -> Iterator[Path]:
    """Yield an empty folder under `home`, and remove it at the end.

    Folders that a killed process left are removed first.

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
        # Arrow and Polars raise an OSError without a number, and say it in words.
        told = any(os.strerror(code) in str(error) for code in NO_ROOM)
        if error.errno not in NO_ROOM and not told:
            raise
        free = shutil.disk_usage(base).free // 2**20
        remedy = "Free some, or set PERENNIAL_HOME to a larger disk."
        raise StoreFull(str(base), "the disk has room", f"{free} MiB free", remedy) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _claimed(base: Path) -> tuple[Path, IO[str]]:
    while True:
        folder = Path(tempfile.mkdtemp(dir=base))
        # Another process may sweep the folder before it is locked, and then it is gone: once more.
        with suppress(FileNotFoundError):
            lock = (folder / "lock").open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (folder / "lock").exists():
                return folder, lock
            lock.close()


def _sweep(base: Path) -> None:
    for folder in base.iterdir():
        # The kernel lets go of a lock when its holder dies: what can be locked is nobody's.
        with suppress(OSError), (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
