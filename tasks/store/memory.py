"""A store in memory that keeps the same promises as the one on S3."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tasks.errors import NotFound, PreconditionFailed
from tasks.store.base import ObjectInfo
from tasks.store.keys import checked_key, checked_prefix


class MemoryStore:
    """One bucket, gone with the process. Safe to share between threads."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[ObjectInfo, bytes]] = {}
        self._lock = threading.Lock()

    def head(self, key: str) -> ObjectInfo | None:
        """Return the object's facts, or None where there is no such object."""
        found = self._objects.get(checked_key(key))
        return None if found is None else found[0]

    def get(self, key: str) -> bytes:
        """Return the object's bytes, or raise `NotFound`."""
        return self._found(key)[1]

    def download(self, key: str, path: Path) -> ObjectInfo:
        """Write the object to `path`, which appears whole or not at all, or raise `NotFound`."""
        info, data = self._found(key)
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return info

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
        content_type: str = "application/octet-stream",
    ) -> ObjectInfo:
        """Write the object; with a condition that does not hold, raise `PreconditionFailed`."""
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        with self._lock:
            now = self.head(key)
            came = "none" if now is None else now.etag
            if (if_absent and now is not None) or (if_match is not None and came != if_match):
                remedy = "Read again and retry."
                raise PreconditionFailed(key, "nobody else wrote meanwhile", came, remedy)
            info = ObjectInfo(key, len(data), etag, datetime.now(UTC))
            self._objects[key] = info, bytes(data)
        return info

    def upload(
        self, path: Path, key: str, *, content_type: str = "application/octet-stream"
    ) -> ObjectInfo:
        """Write a local file."""
        return self.put(key, path.read_bytes(), content_type=content_type)

    def copy(self, source: str, target: str) -> ObjectInfo:
        """Copy inside the bucket, or raise `NotFound`."""
        checked_key(target)
        return self.put(target, self.get(source))

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is not an error."""
        self._objects.pop(checked_key(key), None)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object under `prefix`, ordered by key."""
        checked_prefix(prefix)
        with self._lock:
            found = [info for info, _ in self._objects.values() if info.key.startswith(prefix)]
        yield from sorted(found)

    def folders(self) -> tuple[str, ...]:
        """Return the names of the top-level folders."""
        with self._lock:
            return tuple(sorted({key.split("/")[0] for key in self._objects if "/" in key}))

    def _found(self, key: str) -> tuple[ObjectInfo, bytes]:
        found = self._objects.get(checked_key(key))
        if found is None:
            remedy = "Look at what the folder holds."
            raise NotFound(key, "there is such an object", "none", remedy)
        return found
