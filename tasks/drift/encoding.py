"""A profile as bytes: an `.npz` of its numbers and of a document with all else. Pure.

`numpy.load` opens it: `head` is the document (JSON, UTF-8), `numbers` and `counts` are those of
every column one after the other, as (width, n) bytes: all first bytes, then all second ones …, in
which order sorted numbers compress better. The file ends in its own digest, so that equal profiles
are equal bytes and a damaged one is told apart from one that was never whole.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import zipfile
import zlib
from dataclasses import fields
from io import BytesIO
from typing import Any

import numpy as np

from tasks.arrays import Array
from tasks.documents import MARK, magic, unseal
from tasks.drift.profile import ColumnProfile, Profile, texts
from tasks.errors import IntegrityError

# The end of an archive's comment, as hexadecimal digits: ZipFile looks for a signature of four
# bytes from the end on, and a digest could hold just these.
DIGEST = 64
# Deflate makes up to a thousand bytes of one: what claims more is refused before it is unpacked.
LARGEST = 2**28
FIRST = b"perennial profile 1\n"  # release 0.1.0 put a digest and a zlib stream behind it
REMEDY = "Train again, or restore the object."
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError)
PLAIN = tuple(
    field.name for field in fields(ColumnProfile) if field.name not in ("values", "counts")
)


def encode_profile(profile: Profile) -> bytes:
    """Return the profile's bytes; equal content gives equal bytes."""
    target = (profile.target,) if profile.target else ()
    parts = [profile.columns, profile.predictions, target, *([profile.words] * bool(profile.words))]
    every = [column for part in parts for column in part]
    columns = [
        {name: getattr(column, name) for name in PLAIN}
        | {"length": len(column.counts)}
        | ({"texts": column.values.tolist()} if column.kind == "category" else {})
        for column in every
    ]
    head = {"rows": profile.rows, "parts": [len(part) for part in parts], "columns": columns}
    # sorted keys and no spaces: equal profiles give equal bytes, and a NaN is refused here
    text = json.dumps(head, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    numbers = [column.values for column in every if column.kind == "number"]
    arrays = {
        "head": np.frombuffer(text, np.uint8),
        "numbers": _planes(np.concatenate([np.zeros(0), *numbers])),
        "counts": _planes(np.concatenate([np.zeros(0, np.int64), *(c.counts for c in every)])),
    }
    archive = BytesIO()
    np.savez_compressed(archive, allow_pickle=False, **arrays)
    with zipfile.ZipFile(archive, "a") as file:
        file.comment = magic("profile") + bytes(DIGEST)
    body = archive.getvalue()[:-DIGEST]
    return body + hashlib.sha256(body).hexdigest().encode()


def decode_profile(data: bytes, where: str = "profile") -> Profile:
    """Read what `encode_profile` wrote, here or in a release before.

    Raises:
        IntegrityError: the bytes were changed, cut, or are something else.

    >>> from tasks.drift.profile import number_column
    >>> profile = Profile(8, (number_column("n", np.array([0.5, 2]), np.array([3, 1]), rows=8),))
    >>> decode_profile(encode_profile(profile)).columns[0].missing_share
    0.5
    """
    try:
        return _profile(unseal("profile", _opened(data, where), where, REMEDY))
    except (ValueError, KeyError, TypeError, RecursionError, *BROKEN) as error:
        raise IntegrityError(where, "it holds a profile's fields", error, REMEDY) from error


def _opened(data: bytes, where: str) -> dict[str, Any]:
    if data.startswith(FIRST):
        return {MARK: "profile 1", "packed": data[len(FIRST) :]}
    digest = hashlib.sha256(data[:-DIGEST]).hexdigest().encode()
    if not hmac.compare_digest(data[-DIGEST:], digest):
        raise IntegrityError(where, "it is a whole profile", "other bytes", REMEDY)
    with zipfile.ZipFile(BytesIO(data)) as file:
        if sum(entry.file_size for entry in file.infolist()) > LARGEST:
            raise ValueError(f"at most {LARGEST} bytes")
        if not file.comment.endswith(data[-DIGEST:]):
            raise ValueError("nothing behind the archive")
        mark = file.comment[:-DIGEST].decode().removeprefix(f"{MARK} ").strip()
        head, numbers, counts = (_array(file, name) for name in ("head", "numbers", "counts"))
    content = {"numbers": _joined(numbers, "f"), "counts": _joined(counts, "u"), MARK: mark}
    return {**json.loads(head.tobytes()), **content}


def _array(file: zipfile.ZipFile, name: str) -> Array:
    # what numpy.load does, but for opening the archive again and reading it in many small pieces
    return np.lib.format.read_array(BytesIO(file.read(f"{name}.npy")), allow_pickle=False)


def _profile(content: dict[str, Any]) -> Profile:
    heads, parts = content["columns"], content["parts"]
    lengths = [head["length"] for head in heads]
    numeric = [0 if "texts" in head else head["length"] for head in heads]
    numbers = np.split(content["numbers"].astype(np.float64), np.cumsum(numeric[:-1], dtype=int))
    counts = np.split(content["counts"].astype(np.int64), np.cumsum(lengths[:-1], dtype=int))
    made = []
    for head, values, rows in zip(heads, numbers, counts, strict=True):
        kept = {name: head[name] for name in PLAIN}
        column = texts(head["texts"]) if "texts" in head else values
        # the last piece takes whatever is left: too many numbers show here, as too few do
        if not len(column) == len(rows) == head["length"]:
            raise ValueError("a count for every value")
        made.append(ColumnProfile(**kept, values=column, counts=rows))
    ends = np.cumsum(parts).tolist()
    columns, predictions, target, *words = (
        tuple(made[end - length : end]) for length, end in zip(parts, ends, strict=True)
    )
    # without a free text there is no fourth part
    return Profile(
        content["rows"],
        columns,
        predictions,
        target[0] if target else None,
        words[0] if words else (),
    )


def _planes(values: Array) -> Array:
    # thirty columns of numbers take 178 KB so, and 252 KB with the bytes of a number side by side
    small = _narrow(values)
    return np.ascontiguousarray(small.view(np.uint8).reshape(len(small), small.itemsize).T)


def _joined(planes: Array, kind: str) -> Array:
    width, length = planes.shape
    return np.ascontiguousarray(planes.T).reshape(width * length).view(f"<{kind}{width}")


def _narrow(values: Array) -> Array:
    """Return the same numbers in the first type that holds each of them exactly."""
    # a number beyond float32 becomes infinite, and so differs
    with np.errstate(over="ignore"):
        kinds = ("<f4", "<f8") if values.dtype.kind == "f" else ("<u1", "<u4", "<u8")
        return next(small for small in map(values.astype, kinds) if np.array_equal(small, values))
