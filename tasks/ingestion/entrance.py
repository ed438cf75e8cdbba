"""Where objects of one kind come in, which of them wait, and the receipts of those that do not."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from tasks.documents import seal, unseal_bytes
from tasks.errors import IntegrityError, NotFound
from tasks.store.bucket import Bucket, ObjectInfo
from tasks.store.layout import Layout
from tasks.workspace import Place

Kind = Literal["rows", "labels"]
KINDS: tuple[Kind, ...] = ("rows", "labels")
BATCH = re.compile(r"[0-9a-f]{64}")
TRIED, READING = ".tries.json", ".reading.json"
JSON = "application/json"


@dataclass(frozen=True)
class Entrance:
    """The folders of one kind of object: rows, or labels that come after their rows."""

    kind: Kind
    layout: Layout

    @property
    def flow(self) -> str:
        """The flow that empties it, which its points in `tasks.faults` are named after."""
        return "ingest" if self.kind == "rows" else "label"

    @property
    def incoming(self) -> str:
        return self.layout.incoming if self.kind == "rows" else self.layout.labels_incoming

    @property
    def receipts(self) -> str:
        """The folder of the receipts, and of the tries that failed."""
        return self.layout.receipts if self.kind == "rows" else self.layout.label_receipts

    def quarantine(self, batch: str) -> str:
        """Return the folder of a refused batch; the same bytes may be good as the other kind."""
        rows = self.kind == "rows"
        return self.layout.quarantine(batch) if rows else self.layout.labels_quarantine(batch)

    def receipt(self, info: ObjectInfo) -> str:
        return f"{self.receipts}{name_arrival(info)}.json"

    def tries(self, info: ObjectInfo) -> str:
        """Return where it stands how often an object failed."""
        return f"{self.receipts}{name_arrival(info)}{TRIED}"

    def reading(self, info: ObjectInfo) -> str:
        """Return where it stands which run reads an object."""
        return f"{self.receipts}{name_arrival(info)}{READING}"


def name_arrival(info: ObjectInfo) -> str:
    """Return the digest that names one arrival: the same key with other bytes is another.

    >>> from datetime import UTC, datetime
    >>> name_arrival(ObjectInfo("flights/incoming/a.csv", 3, "ab12", datetime.now(UTC)))[:8]
    '61c7ff2b'
    """
    # The name of a file on a disk may be no UTF-8; it must not stop those beside it.
    return hashlib.sha256(f"{info.key}\n{info.etag}".encode(errors="surrogatepass")).hexdigest()


def find_pending(place: Place, entrance: Entrance) -> tuple[ObjectInfo, ...]:
    """Return the objects at an entrance without a receipt, in the order they arrived.

    Labels wait for the first batch, which settles the types of their columns.
    """
    arrived = [info for info in place.bucket.list(entrance.incoming) if info.key[-1] != "/"]
    if not arrived or (entrance.kind == "labels" and place.curated.version() is None):
        return ()
    # A receipt is only a cache: one that is lost costs a download, never a row.
    done = {info.key for info in place.bucket.list(entrance.receipts)}
    waiting = [info for info in arrived if entrance.receipt(info) not in done]
    # S3 tells whole seconds: within one the key decides, the same in each process.
    return tuple(sorted(waiting, key=lambda info: (info.modified, info.key)))


def read_receipt(bucket: Bucket, entrance: Entrance, info: ObjectInfo) -> str | None:
    """Return the batch that an object was found to be, or None without a valid receipt."""
    batch = str(read_document(bucket, "receipt", entrance.receipt(info)).get("batch", ""))
    return batch if BATCH.fullmatch(batch) else None


def read_document(bucket: Bucket, kind: str, key: str) -> dict[str, Any]:
    """Return a stored document; an empty one where there is none that this release can read."""
    try:
        return unseal_bytes(kind, bucket.get(key), key)
    # What lies here is found again in the object itself: a newer release's is made once more.
    except (NotFound, IntegrityError):
        return {}


def seal_document(kind: str, content: dict[str, Any]) -> bytes:
    """Return a document of this kind as UTF-8 JSON; NaN is refused."""
    return json.dumps(seal(kind, content), indent=1, allow_nan=False).encode()


def put_document(bucket: Bucket, kind: str, key: str, content: dict[str, Any]) -> None:
    """Write a document of this kind as UTF-8 JSON; NaN is refused."""
    bucket.put(key, seal_document(kind, content), content_type=JSON)
