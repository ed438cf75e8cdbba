"""The bucket: objects by key, and tables by path. The one seam between deciding and storing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, order=True)
class ObjectInfo:
    """One object: its key, its size in bytes, its entity tag and when it was last written (UTC)."""

    key: str
    size: int
    etag: str
    modified: datetime


@dataclass(frozen=True)
class TableAddress:
    """Where a Delta table lies, a local path or `s3://bucket/path`, and how to reach it."""

    uri: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


class Bucket(Protocol):
    """Objects and tables of one bucket. A write is atomic; a conditional one that loses raises.

    Two implementations keep one contract (`tests/contracts`): `S3Bucket` and `LocalBucket`.

    Raises (every method): `AccessDenied`, `StoreUnavailable` after a bounded wait, `StoreFull`;
    `IntegrityError` where the bytes that came or arrived are not those that were written.
    """

    name: str
    where: str

    def head(self, key: str) -> ObjectInfo | None:
        """Return the object's facts, or None where there is no such object."""

    def get(self, key: str) -> bytes:
        """Return the object's bytes, or raise `NotFound`."""

    def download(self, key: str, path: Path) -> ObjectInfo:
        """Write the object to `path`, which appears whole or not at all, in bounded memory.

        Raises:
            NotFound: there is no such object.
            PreconditionFailed: it changed at every attempt.
        """

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

    def upload(
        self, path: Path, key: str, *, content_type: str = "application/octet-stream"
    ) -> ObjectInfo:
        """Write a local file in bounded memory; the object appears whole or not at all."""

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is not an error."""

    def abandon_uploads(self, older_than: timedelta) -> int:
        """End the uploads that began so long ago and never ended; return how many there were."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object under `prefix`, ordered by key; folder markers are left out."""

    def folders(self) -> tuple[str, ...]:
        """Return the names of the bucket's top-level folders, in order."""

    def table(self, path: str) -> TableAddress:
        """Return the address of the Delta table at `path`, which need not be there yet."""

    def url(self, key: str) -> str:
        """Return the address under which a browser opens the object, on S3 for a week.

        It is signed: whoever has it reads this object, and nothing else.
        """
