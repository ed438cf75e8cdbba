"""The file of API keys: written by `perennial keys`, read again by serving when it changes."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import ConfigurationError
from tasks.serving.keys import Key, parse_keys, render_keys

KEY_FILE = "PERENNIAL_API_KEYS"
KEYS_NAME = "api-keys.json"
EVERY = 1.0
log = logging.getLogger("perennial.serving")


class KeyFile:
    """A file that holds digests of keys; while it cannot be read, the keys known last stay.

    Where none is named or there never was one, everybody is let in if `open_without`, else nobody.
    """

    def __init__(self, path: Path | None, *, open_without: bool) -> None:
        self._path = path
        self._keys: Mapping[str, Key] | None = None if open_without else {}
        self._looked, self._stamp = float("-inf"), (0, 0)

    def read(self) -> Mapping[str, Key] | None:
        """Return the keys by digest, None for everybody; looked at once a second at most."""
        now = time.monotonic()
        if self._path is not None and now - self._looked >= EVERY:
            self._looked = now
            try:
                found = self._path.stat()
                # the size too: two writes may fall into one tick of the file system's clock
                stamp = (found.st_mtime_ns, found.st_size)
                if stamp != self._stamp:
                    self._keys = read_keys(self._path)
                    self._stamp = stamp
            except FileNotFoundError:
                if self._keys:
                    log.warning("%s is gone; its keys still hold", self._path)
            except (OSError, ConfigurationError) as error:
                log.warning("API keys: %s", error)
                self._keys = self._keys or {}
        return self._keys


def read_keys(path: Path) -> Mapping[str, Key]:
    """Return the keys of a file by digest; none where there is no file.

    Raises:
        ConfigurationError: it cannot be read, or is no file of keys.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Name a file that `perennial keys add` may write."
        raise ConfigurationError(str(path), "it is a file of API keys", error, remedy) from error
    return parse_keys(text, str(path))


@contextmanager
def changing(path: Path) -> Iterator[dict[str, Key]]:
    """Yield the keys by name, to be changed; written back whole, for this user's eyes only.

    Raises:
        ConfigurationError: it cannot be written, or is no file of keys.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.with_suffix(".lock").open("w")
    except OSError as error:
        remedy = f"Name another file in {KEY_FILE}."
        raise ConfigurationError(str(path), "it can be written", error.strerror, remedy) from error
    with held as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = {key.name: key for key in read_keys(path).values()}
        yield keys
        part = path.with_suffix(".part")
        # an older one may lie there with another mode, or be a link that somebody put there
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(render_keys(list(keys.values())))
            file.flush()
            # before the rename: after a loss of power, the name would lead to an empty file
            os.fsync(file.fileno())
        part.replace(path)
