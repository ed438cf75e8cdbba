"""The file of API keys, read again when it changes."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from tasks.errors import ConfigurationError
from tasks.serving.keys import Key, parse

EVERY = 1.0
log = logging.getLogger("perennial.serving")


class KeyFile:
    """A file that holds digests of keys; while it cannot be read, the keys known last stay."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._keys: Mapping[str, Key] = {}
        self._looked, self._stamp = float("-inf"), (0, 0)

    def read(self) -> Mapping[str, Key]:
        """Return the keys by digest; the file is looked at once a second at most."""
        now = time.monotonic()
        if now - self._looked >= EVERY:
            self._looked = now
            try:
                found = self._path.stat()
                stamp = (found.st_mtime_ns, found.st_size)
                if stamp != self._stamp:
                    self._keys = parse(self._path.read_text(), str(self._path))
                    self._stamp = stamp
            except (OSError, ConfigurationError) as error:
                log.warning("API keys: %s", error)
        return self._keys
