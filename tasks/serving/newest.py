"""When the newest pointers that were served here were written, kept over a restart.

Without it, whoever can write to the bucket could wait for a restart to put an old pointer back.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tasks.store.scratch import place_whole


class Newest:
    """The times, one file each in a folder of this machine; in memory alone where there is none."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def read(self, pipeline: str, role: str) -> datetime | None:
        """Return the time that was kept, or None."""
        if self._folder is None:
            return None
        with suppress(OSError, ValueError):
            return datetime.fromisoformat(self._path(pipeline, role).read_text(encoding="ascii"))
        return None

    def keep(self, pipeline: str, role: str, changed: datetime) -> None:
        """Keep a time that is later than what is kept."""
        before = self.read(pipeline, role)
        # a disk that is full stops no model: what is kept serves the next start alone
        if self._folder is not None and (before is None or before < changed):
            with suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                with place_whole(self._path(pipeline, role)) as path:
                    path.write_text(changed.isoformat(), encoding="ascii")

    def _path(self, pipeline: str, role: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{pipeline}.{role}"
