"""A small disk of a test's own, to be filled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE = 64  # MiB


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """Yield the root of an empty disk of 64 MiB, mounted at `place`; only root can."""
    place.mkdir()
    command = ("mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(place))
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user cannot mount a disk")
    try:
        yield place
    finally:
        subprocess.run(("umount", str(place)), check=True)


def fill(disk: Path, share: float) -> Path:
    """Let a file take this share of the disk, and return it."""
    filler = disk / "filler"
    filler.write_bytes(os.urandom(1024) * int(SIZE * 1024 * share))
    return filler
