"""How far a ledger was verified: a signed note beside it, so that what held is not walked again.

Whoever can write to the bucket can take the note away, or put an older one back: then more is
walked, and nothing is believed that has no key.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from tasks.documents import seal, unseal
from tasks.errors import IntegrityError, NotFound, PerennialError
from tasks.records import plain, read
from tasks.signatures import Keyring, canonical, sha256
from tasks.store.bucket import Bucket
from tasks.store.layout import Layout

KIND: Literal["ledger head"] = "ledger head"
SIGNATURE = "signature"


@dataclass(frozen=True)
class Head:
    """The lines that were verified, up to a version of the ledger's table.

    Attributes:
        version: of the table; -1: nothing was verified yet.
        link: of the last line.
        linked, before: how many lines are linked, and how many came from a release without links.
        digest: of all lines up to there.
        anchor: the line that the champion's pointer knows of, which was there.
        accepted: who took the lines as they are, though they did not hold; empty where they did.
    """

    version: int = -1
    link: str = ""
    linked: int = 0
    before: int = 0
    digest: str = ""
    anchor: str = ""
    accepted: str = ""


NOTHING = Head()


def digest_lines(rows: pa.Table) -> str:
    """Return a digest of lines, which is the same in whatever order they were read.

    >>> rows = pa.table({"id": ["b", "a"], "version": [2, 1]})
    >>> digest_lines(rows) == digest_lines(rows.take([1, 0])) != digest_lines(rows.slice(1))
    True
    """
    ordered = rows.sort_by("id")
    columns = {
        name: ordered[name].cast(pa.int64()) if pa.types.is_timestamp(kind) else ordered[name]
        for name, kind in zip(ordered.schema.names, ordered.schema.types, strict=True)
    }
    # column by column: one call of the C encoder for 10,000 lines, not 10,000
    return sha256(canonical({name: column.to_pylist() for name, column in columns.items()}))


def read_head(bucket: Bucket, pipeline: str, keyring: Keyring) -> Head:
    """Return how far the ledger was verified; `NOTHING` where no note of it is believed."""
    where = Layout(pipeline).ledger_head
    try:
        document = json.loads(bucket.get(where))
        signature = document.pop(SIGNATURE)
        if not keyring.holds(_purpose(pipeline), canonical(document), signature):
            return NOTHING
        return read(Head, unseal(KIND, document, where), where)
    # one that cannot be read costs a walk, and hides nothing; RecursionError is of deep brackets
    except (
        NotFound,
        IntegrityError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ):
        return NOTHING


def write_head(bucket: Bucket, pipeline: str, keyring: Keyring, head: Head) -> None:
    """Note how far the ledger was verified.

    Raises:
        ConfigurationError: there is no signing key.
    """
    document = seal(KIND, plain(head))
    signed = {**document, SIGNATURE: keyring.sign(_purpose(pipeline), canonical(document))}
    where = Layout(pipeline).ledger_head
    bucket.put(where, canonical(signed), content_type="application/json")


def note_head(bucket: Bucket, pipeline: str, keyring: Keyring, head: Head) -> None:
    """Do so if it can be done: without the note, the next decision walks further."""
    with suppress(PerennialError):
        write_head(bucket, pipeline, keyring, head)


def _purpose(pipeline: str) -> str:
    return f"perennial ledger head 1 of {pipeline}"
