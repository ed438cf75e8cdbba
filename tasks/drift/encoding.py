"""A profile as bytes: a digest, then a compressed document with its numbers behind it. Pure.

The numbers lie byte by byte (all first bytes, then all second ones …), in which order sorted
numbers compress several times better. Nothing in the bytes is run when they are read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import zlib
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from tasks.arrays import Array
from tasks.documents import after_magic, magic
from tasks.drift.profile import ColumnProfile, Profile, texts
from tasks.errors import IntegrityError

DIGEST = 32
# zlib makes up to a thousand bytes of one: what claims more is refused before the memory is taken.
LARGEST = 2**28
REMEDY = "Train again, or restore the object."
TYPES = ("<f4", "<f8", "<u1", "<u4", "<u8")
PLAIN = tuple(
    field.name for field in fields(ColumnProfile) if field.name not in ("values", "counts")
)


def encode_profile(profile: Profile) -> bytes:
    """Return the profile's bytes; equal content gives equal bytes."""
    numbers: list[bytes] = []

    def packed(values: Array) -> list[Any]:
        small = _smallest(values)
        numbers.append(small.view(np.uint8).reshape(-1, small.itemsize).T.tobytes())
        return [small.dtype.str.replace("|", "<"), len(small)]

    def plain(column: ColumnProfile | None) -> dict[str, Any] | None:
        if column is None:
            return None
        category = column.kind == "category"
        values = column.values.tolist() if category else packed(column.values)
        kept = {name: getattr(column, name) for name in PLAIN}
        return {**kept, "values": values, "counts": packed(column.counts)}

    head = {
        "rows": profile.rows,
        "columns": [plain(column) for column in profile.columns],
        "predictions": [plain(column) for column in profile.predictions],
        "target": plain(profile.target),
    }
    # sorted keys and no spaces: equal profiles give equal bytes, and a NaN is refused here
    text = json.dumps(head, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    body = zlib.compress(b"".join([len(text).to_bytes(8, "little"), text, *numbers]), 9)
    return magic("profile") + hashlib.sha256(body).digest() + body


def decode_profile(data: bytes, where: str = "profile") -> Profile:
    """Read what `encode_profile` wrote.

    Raises:
        IntegrityError: the bytes were changed, cut, or are something else.

    >>> from tasks.drift.profile import column
    >>> profile = Profile(8, (column("c", ["a", "b"], [3, 1], rows=8),))
    >>> decode_profile(encode_profile(profile)).columns[0].missing_share
    0.5
    """
    rest = after_magic("profile", data, where, REMEDY)
    body = rest[DIGEST:]
    if not hmac.compare_digest(rest[:DIGEST], hashlib.sha256(body).digest()):
        raise IntegrityError(where, "it is a whole profile", "other bytes", REMEDY)
    try:
        return _profile(_inflated(body))
    except (ValueError, KeyError, TypeError, RecursionError, zlib.error) as error:
        raise IntegrityError(where, "it holds a profile's fields", error, REMEDY) from error


def _inflated(body: bytes) -> bytes:
    # decompress() alone has no limit, and would not tell whether the end was cut off
    machine = zlib.decompressobj()
    whole = machine.decompress(body, LARGEST)
    if machine.unconsumed_tail or not machine.eof:
        raise ValueError(f"at most {LARGEST} bytes, all there")
    return whole


def _profile(whole: bytes) -> Profile:
    end = 8 + int.from_bytes(whole[:8], "little")
    head = json.loads(whole[8:end])
    place = end

    def taken(kind: str, length: int) -> Array:
        nonlocal place
        if kind not in TYPES:
            raise ValueError(kind)
        width = int(kind[2])
        raw = np.frombuffer(whole, np.uint8, length * width, place).reshape(width, length)
        place += length * width
        return np.ascontiguousarray(raw.T).view(kind).reshape(length)

    def read(column: dict[str, Any]) -> ColumnProfile:
        if column["kind"] == "category":
            values = texts([str(text) for text in column.pop("values")])
        else:
            values = taken(*column.pop("values")).astype(np.float64)
        counts = taken(*column.pop("counts")).astype(np.int64)
        if len(values) != len(counts):
            raise ValueError("a count for every value")
        return ColumnProfile(**column, values=values, counts=counts)

    columns = tuple(read(column) for column in head["columns"])
    predictions = tuple(read(column) for column in head["predictions"])
    target = None if head["target"] is None else read(head["target"])
    if place != len(whole):
        raise ValueError("nothing behind the last number")
    return Profile(head["rows"], columns, predictions, target)


def _smallest(values: Array) -> Array:
    """Return the same numbers in the first type of `TYPES` that holds them exactly."""
    fits: Callable[[Array], bool] = lambda small: np.array_equal(small, values)  # noqa: E731
    wanted = TYPES[:2] if values.dtype.kind == "f" else TYPES[2:]
    # a number beyond float32 becomes infinite, which `fits` then refuses
    with np.errstate(over="ignore"):
        return next(small for small in map(values.astype, wanted) if fits(small))
