"""The log files of the stack: their last lines, and their rotation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

LARGEST = 10 * 1024 * 1024
KEPT = 3  # older ones of each log


def tail(path: Path, lines: int = 12, limit: int = 1500) -> str:
    """Return the last lines of a log, at most `limit` characters; '' when there is none."""
    with suppress(OSError), path.open("rb") as file:
        # A log of gigabytes is not read whole for a dozen lines.
        file.seek(max(0, os.fstat(file.fileno()).st_size - 64 * 1024))
        text = file.read().decode("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])[-limit:].strip()
    return ""


def rotate(paths: Iterable[Path], largest: int = LARGEST, kept: int = KEPT) -> None:
    """Copy each log that grew beyond `largest` bytes aside and empty it in place.

    A line written between copy and truncation is lost.
    """
    # Not renamed: the writers hold the file open to append, and would write on into the old one.
    for path in paths:
        with suppress(OSError):
            if path.stat().st_size > largest:
                _shift(path, kept)
                shutil.copyfile(path, _numbered(path, 1))
                os.truncate(path, 0)


def _shift(path: Path, kept: int) -> None:
    for number in range(kept - 1, 0, -1):
        with suppress(FileNotFoundError):
            _numbered(path, number).replace(_numbered(path, number + 1))


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
