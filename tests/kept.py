"""Pasts that tests start from: each is lived once in a run, whichever worker needs it first."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Shelf:
    """The folder of the run where they are kept; tests/conftest.py says where."""

    folder: Path | None = None


SHELF = Shelf()


def put_kept(name: str, make: Callable[[Path], None], folder: Path) -> None:
    """Copy into `folder` what `make` leaves in an empty one; `name` tells all that it follows from.

    Whoever needs it while another process makes it waits for that.
    """
    assert SHELF.folder is not None
    SHELF.folder.mkdir(exist_ok=True)
    place = SHELF.folder / hashlib.sha256(name.encode()).hexdigest()
    with place.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            part = Path(tempfile.mkdtemp(dir=SHELF.folder))
            make(part)
            part.rename(place)
    shutil.copytree(place, folder, dirs_exist_ok=True)
