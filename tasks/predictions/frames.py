"""How a file of the log is framed, so that a torn or damaged end is recognised. Pure.

A file is `MAGIC`, then frames: the payload's length, the CRC-32 of length and payload, the payload.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from zlib import crc32

MAGIC = b"perennial predictions 1\n"
LENGTH, HEAD = struct.Struct("<I"), struct.Struct("<II")


@dataclass(frozen=True)
class Unframed:
    """The payloads before the first damage, and how many bytes came after them."""

    payloads: tuple[bytes, ...]
    torn: int


def framed(payload: bytes) -> bytes:
    """Return the payload, at most 4 GiB, as one frame.

    >>> unframed(MAGIC + framed(b"one") + framed(b"two"))
    Unframed(payloads=(b'one', b'two'), torn=0)
    """
    # The length is under the check too: zeros, as a crash may leave them, are no frame.
    length = LENGTH.pack(len(payload))
    return length + LENGTH.pack(crc32(payload, crc32(length))) + payload


def unframed(data: bytes) -> Unframed:
    """Read a file's frames up to the first that is not whole.

    Nothing after it is looked for: what a client sent may itself look like a frame.

    >>> unframed(MAGIC + framed(b"one") + framed(b"two")[:-1])
    Unframed(payloads=(b'one',), torn=10)
    """
    if not data.startswith(MAGIC):
        return Unframed((), len(data))
    payloads, at = [], len(MAGIC)
    while at + HEAD.size <= len(data):
        length, check = HEAD.unpack_from(data, at)
        payload = data[at + HEAD.size : at + HEAD.size + length]
        if len(payload) < length or crc32(payload, crc32(LENGTH.pack(length))) != check:
            break
        payloads.append(payload)
        at += HEAD.size + length
    return Unframed(tuple(payloads), len(data) - at)
