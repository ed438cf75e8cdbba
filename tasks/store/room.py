"""How full the disk under the bucket is, where it is a disk of this machine.

SeaweedFS (4.48) takes no more writes once 1 % of its disk is left, and then answers each with 500.
What is deleted frees no space until it vacuums the volume, which it does by itself about every
quarter of an hour where a third of one is garbage.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tasks.errors import StoreFull
from tasks.settings import Settings

STORE = "s3"  # the local stack's object store, in the home folder
LOOPBACK = ("127.0.0.1", "localhost", "::1")
WARN, STOP = 0.80, 0.97  # shares of the disk in use
REMEDY = "Free some space; what is deleted in the bucket counts after the store's next vacuum."


@dataclass(frozen=True)
class Room:
    """A disk: a folder on it, and its bytes in all and free."""

    folder: Path
    total: int
    free: int

    @property
    def used(self) -> float:
        """The share in use, counted as `df` does.

        >>> Room(Path("/srv"), 100, 15).used
        0.85
        """
        return 1 - self.free / self.total if self.total else 0.0

    @property
    def scarce(self) -> bool:
        return self.used >= WARN

    def __str__(self) -> str:
        """Say it to a person.

        >>> str(Room(Path("/srv"), 100 * 2**30, 15 * 2**30))
        '85 % of the disk at /srv is used, 15.0 GiB free'
        """
        share, free = f"{self.used * 100:.0f} %", f"{self.free / 2**30:.1f} GiB free"
        return f"{share} of the disk at {self.folder} is used, {free}"


def find_room(settings: Settings) -> Room | None:
    """Return how full the bucket's disk is; None where the bucket lies elsewhere."""
    folder = settings.folder or settings.home / STORE
    local = settings.folder or urlsplit(settings.s3_endpoint).hostname in LOOPBACK
    return look_at_disk(folder) if local and folder.is_dir() else None


def look_at_disk(folder: Path) -> Room:
    """Return how full the disk is that holds `folder`."""
    found = shutil.disk_usage(folder)
    return Room(folder, found.used + found.free, found.free)


def refuse_full(settings: Settings) -> None:
    """Take nothing in where the bucket's disk is as good as full.

    A batch that fits by half would leave a disk on which nothing else can be written either.

    Raises:
        StoreFull: 97 % of it is used.
    """
    room = find_room(settings)
    if room is not None and room.used >= STOP:
        rule = f"a file is taken in while under {STOP * 100:.0f} % of its disk is used"
        raise StoreFull("the bucket", rule, room, REMEDY)
