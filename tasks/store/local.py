"""The bucket in a local folder: what a person tries first, and what decisions are tested on.

An object is a file, a key its path under the folder. A write goes to a file beside and is renamed
into place, so a reader sees the old bytes or the new ones, whoever dies when.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from tasks.errors import AccessDenied, ConfigurationError, StoreError, StoreFull
from tasks.metering import note_read, note_written
from tasks.store.bucket import ObjectInfo, TableAddress
from tasks.store.keys import checked_key, checked_prefix
from tasks.store.s3_errors import GONE, LOST
from tasks.store.scratch import NO_ROOM, place_whole

OWN = ".bucket"  # the lock and the files that are being written
LARGE = 16 * 1024 * 1024  # bytes; a digest of more would be too slow for each listing
YOUNG = 2.0  # seconds
LEFT_OVER = timedelta(days=1)  # no write takes so long


class LocalBucket:
    """One bucket in a folder of this machine. Safe to share between threads and processes.

    Raises:
        ConfigurationError: the folder's path needs quoting.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        if quote(str(self.folder)) != str(self.folder):
            # Polars 2.1 looks for a local table's files under their percent-encoded path.
            rule = "letters, digits, and . _ ~ - alone"
            remedy = "Choose another folder for PERENNIAL_BUCKET."
            raise ConfigurationError("path of the bucket", rule, str(self.folder), remedy)
        self.name, self.where = self.folder.name, str(self.folder)
        self._writing = self.folder / OWN / "writing"
        with _translated(self.where, self.where):
            self._writing.mkdir(parents=True, exist_ok=True)
        self.abandon_uploads(LEFT_OVER)

    def head(self, key: str) -> ObjectInfo | None:
        with _translated(key, self.where):
            return _facts(key, self._path(key))

    def get(self, key: str) -> bytes:
        with _translated(key, self.where):
            data = self._path(key).read_bytes()
        note_read(len(data))
        return data

    def download(self, key: str, path: Path) -> ObjectInfo:
        source = self._path(key)
        with _translated(key, self.where), source.open("rb") as file:
            with place_whole(path) as partial, partial.open("wb") as output:
                shutil.copyfileobj(file, output, LARGE)
            note_read(os.fstat(file.fileno()).st_size)
            # The facts of the file that was read: another may lie there by now.
            return _info(key, os.fstat(file.fileno()), source)

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        return self._write(key, lambda partial: partial.write_bytes(data), if_absent, if_match)

    def upload(
        self, path: Path, key: str, *, content_type: str = "application/octet-stream"
    ) -> ObjectInfo:
        return self._write(key, lambda partial: shutil.copyfile(path, partial))

    def delete(self, key: str) -> None:
        path = self._path(key)
        absent = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
        with _translated(key, self.where), self._locked(), suppress(*absent):
            path.unlink()
            with suppress(OSError):  # a folder that still holds something stays
                for folder in path.parents:
                    if folder == self.folder:
                        break
                    folder.rmdir()

    def abandon_uploads(self, older_than: timedelta) -> int:
        ended = 0
        with _translated(self.where, self.where):
            for path in self._writing.iterdir():
                with suppress(FileNotFoundError):  # another process sweeps, or the writer moved it
                    if time.time() - path.stat().st_mtime > older_than.total_seconds():
                        path.unlink()
                        ended += 1
        return ended

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        checked_prefix(prefix)
        found = []
        # the walk itself takes a folder that went away for one that is empty
        with _translated(self.where, self.where):
            self.folder.stat()
        for folder, names, files in os.walk(self.folder / prefix.rpartition("/")[0]):
            if Path(folder) == self.folder:
                names[:] = [name for name in names if name != OWN]
            for name in files:
                path = Path(folder, name)
                key = path.relative_to(self.folder).as_posix()
                if key.startswith(prefix):
                    with _translated(key, self.where):
                        found.append(_facts(key, path))
        yield from sorted(info for info in found if info is not None)

    def folders(self) -> tuple[str, ...]:
        with _translated(self.where, self.where), os.scandir(self.folder) as entries:
            return tuple(sorted(e.name for e in entries if e.is_dir() and e.name != OWN))

    def table(self, path: str) -> TableAddress:
        return TableAddress(str(self.folder / path))

    def url(self, key: str) -> str:
        return (self.folder / key).as_uri()

    def _path(self, key: str) -> Path:
        if checked_key(key).partition("/")[0] == OWN:
            raise StoreError("object key", f"{OWN} is the bucket's own", key, "Rename the object.")
        return self.folder / key

    def _write(
        self,
        key: str,
        fill: Callable[[Path], object],
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> ObjectInfo:
        target, partial = self._path(key), self._writing / uuid.uuid4().hex
        try:
            with _translated(key, self.where):
                # Filled first, then locked: a large object must not hold up the other writers.
                fill(partial)
                with self._locked():
                    now = _facts(key, target)
                    came = "none" if now is None else now.etag
                    lost = if_match is not None and came != if_match
                    if lost or (if_absent and now is not None):
                        raise LOST.tell(key, came)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    note_written(partial.stat().st_size)
                    partial.replace(target)
                    return _info(key, target.stat(), target)
        finally:
            partial.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # One writer at a time compares and moves: a rename alone cannot be conditional.
        with (self.folder / OWN / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _facts(key: str, path: Path) -> ObjectInfo | None:
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _info(key, facts, path) if path.is_file() else None


def _info(key: str, facts: os.stat_result, path: Path) -> ObjectInfo:
    # The inode's change, not the content's, is when the file came here, also where it was moved in.
    came = datetime.fromtimestamp(facts.st_ctime, UTC)
    return ObjectInfo(key, facts.st_size, _etag(path, facts), came)


def _etag(path: Path, facts: os.stat_result) -> str:
    # The MD5 of the bytes, as S3 does; of a large file what changes with each writing.
    if facts.st_size >= LARGE:
        return f"{facts.st_size:x}-{facts.st_mtime_ns:x}"
    # Clocks of file systems tick in milliseconds: of a young file, the digest may be another's.
    if time.time() - facts.st_ctime < YOUNG:
        return _digest(path)
    return _known(path, facts.st_ino, facts.st_ctime_ns, facts.st_size)


@lru_cache(65_536)
def _known(path: Path, _inode: int, _changed: int, _size: int) -> str:
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


@contextmanager
def _translated(key: str, where: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError) as error:
        raise GONE.tell(key, "none") from error
    # On S3 `a` and `a/b` may both be objects; a folder cannot be a file.
    except (NotADirectoryError, FileExistsError) as error:
        rule = "no part of the key is an object itself"
        raise StoreError(key, rule, error.filename, "Rename the object.") from error
    except PermissionError as error:
        remedy = "Change its permissions."
        raise AccessDenied(where, "the folder can be used", error.filename, remedy) from error
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StoreFull(where, "there is room left", error.strerror, "Free some.") from error
        raise StoreError(where, "the request is carried out", error) from error
