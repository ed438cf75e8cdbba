"""Numbers and file names of model versions, each taken once by a conditional write."""

from __future__ import annotations

import re

from tasks.documents import seal, unseal_bytes
from tasks.errors import IntegrityError, NotFound, PreconditionFailed
from tasks.signatures import canonical, sha256
from tasks.store.layout import Layout
from tasks.workspace import Place

CLAIM = "claim.json"
TAKEN = (CLAIM, "manifest.json")
FILE_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,99}")
# `numbers` reads back nine digits.
LARGEST = 10**9


def claimed(place: Place, key: str) -> int:
    """Return the version that this training key holds, claiming the next one if it has none."""
    bucket, layout = place.bucket, place.layout
    taken = numbers({info.key for info in bucket.list(layout.models)}, layout)
    for version in reversed(taken):
        if _holder(place, version) == key:
            return version
    version = max(taken, default=0) + 1
    claim = canonical(seal("claim", {"training_key": key}))
    # one by one from the largest known: racers with one key meet at the same number, and whoever
    # loses the conditional write reads whose it is
    while version < LARGEST:
        where = layout.model_file(version, CLAIM)
        try:
            bucket.put(where, claim, if_absent=True, content_type="application/json")
            return version
        except PreconditionFailed:
            if _holder(place, version) == key:
                return version
        version += 1
    raise IntegrityError(layout.models, "a version number is free", version)


def kept(place: Place, version: int, name: str, data: bytes) -> str:
    """Write a file without overwriting any; return the object's name."""
    bucket, layout = place.bucket, place.layout
    if not FILE_NAME.fullmatch(name) or name in TAKEN:
        raise IntegrityError(layout.models, "a file name is plain and not taken", repr(name))
    # an earlier attempt that was not bit for bit the same may lie there, with its manifest on the
    # way: then the file gets a name of its own
    for candidate in (name, f"{sha256(data)[:16]}-{name}"):
        where = layout.model_file(version, candidate)
        try:
            bucket.put(where, data, if_absent=True)
            return candidate
        except PreconditionFailed:
            if bucket.get(where) == data:
                return candidate
    raise IntegrityError(where, "it holds the bytes its name says", "others", "Remove it.")


def numbers(keys: set[str], layout: Layout) -> tuple[int, ...]:
    """Return the version numbers that occur in the keys, sorted."""
    folder = re.compile(re.escape(layout.models) + r"([1-9][0-9]{0,8})/")
    return tuple(sorted({int(found[1]) for key in keys if (found := folder.match(key))}))


def _holder(place: Place, version: int) -> str | None:
    where = place.layout.model_file(version, CLAIM)
    try:
        return str(unseal_bytes("claim", place.bucket.get(where), where)["training_key"])
    except (NotFound, IntegrityError, KeyError):
        return None
