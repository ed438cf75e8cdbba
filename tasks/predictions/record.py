"""One logged answer as bytes and back; the door of msgspec."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Role = Literal["champion", "shadow", "canary"]
ARRAY = b"\xdd"
YEAR_10000 = 253_402_300_800


@dataclass(frozen=True)
class Record:
    """What one request was answered.

    Attributes:
        version: the model version that answered.
        at: when, in seconds since 1970 (UTC).
        ids: one for each of the n rows.
        rows: n rows as they were sent.
        values: n predicted labels or numbers.
        probabilities: n lists in the order of the manifest's classes; None for regression.
    """

    version: int
    role: Role
    at: float
    ids: list[str]
    rows: list[dict[str, Any]]
    values: list[Any]
    probabilities: list[list[float]] | None

    def __post_init__(self) -> None:
        sizes = [len(self.ids), len(self.rows), len(self.values)]
        if self.probabilities is not None:
            sizes.append(len(self.probabilities))
        if len(set(sizes)) > 1:
            raise ValueError(f"as many ids, rows and answers; got {sizes}")
        if not (0 <= self.at < YEAR_10000 and 0 <= self.version < 2**63):
            raise ValueError(f"a time and a version; got {self.at} and {self.version}")


@dataclass(frozen=True)
class Decoded:
    """The records of a payload, and how many of its records could not be read."""

    records: tuple[Record, ...]
    unreadable: int


def _plain(value: Any) -> Any:
    """Return what msgspec can write of a value that it does not know."""
    if isinstance(value, Mapping):
        return dict(value)
    return value.tolist() if hasattr(value, "tolist") else str(value)


_PACK = msgspec.msgpack.Encoder(enc_hook=_plain)
_PARTS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_UNPACK = msgspec.msgpack.Decoder(
    tuple[
        int,
        Role,
        float,
        list[str],
        list[dict[str, Any] | str],
        list[Any],
        list[list[float]] | None,
    ]
)
_TEXT = msgspec.json.Encoder(enc_hook=_plain)
_SORTED = msgspec.json.Encoder(enc_hook=_plain, order="sorted")


def encoded(
    version: int,
    role: str,
    at: float,
    ids: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    values: Sequence[Any],
    probabilities: Sequence[Sequence[float]] | None,
) -> bytes:
    """Return one answer as bytes: a few microseconds for a row of 20 fields.

    Raises:
        ValueError: there are not as many rows and values as ids.
        TypeError: something is no row, or a value cannot be written.

    >>> data = encoded(1, "champion", 0.0, ["a"], [{"n": 2**70}], [0.5], None)
    >>> decoded(payload([data])).records[0].rows
    [{'n': 1180591620717411303424}]
    """
    if not len(ids) == len(rows) == len(values):
        raise ValueError(f"as many ids, rows and values; got {len(ids), len(rows), len(values)}")
    try:
        return _PACK.encode((version, role, at, ids, rows, values, probabilities))
    except (OverflowError, UnicodeEncodeError):
        # JSON has larger numbers, and halves of surrogate pairs, that msgpack has not.
        names = [name.encode(errors="replace").decode() for name in ids]
        texts = [json.dumps(dict(row), default=_plain) for row in rows]
        return _PACK.encode((version, role, at, names, texts, values, probabilities))


def payload(records: Sequence[bytes]) -> bytes:
    """Return encoded records as one payload of a frame."""
    return ARRAY + len(records).to_bytes(4, "big") + b"".join(records)


def decoded(data: bytes) -> Decoded:
    """Read the records of a payload; one that is none is counted and left out.

    >>> decoded(b"what?")
    Decoded(records=(), unreadable=1)
    """
    try:
        parts = _PARTS.decode(data)
    except msgspec.DecodeError:
        return Decoded((), 1)
    found = []
    for part in parts:
        try:
            version, role, at, ids, rows, values, chances = _UNPACK.decode(part)
            plain = [json.loads(row) if isinstance(row, str) else row for row in rows]
            found.append(Record(version, role, at, ids, plain, values, chances))
        except (msgspec.DecodeError, ValueError):
            continue
    return Decoded(tuple(found), len(parts) - len(found))


def as_json(value: Any, *, ordered: bool = False) -> str:
    """Return the JSON text of a value without spaces, its keys sorted if `ordered`; NaN is null.

    >>> as_json({"b": float("nan"), "a": "é"}, ordered=True)
    '{"a":"é","b":null}'
    """
    try:
        return (_SORTED if ordered else _TEXT).encode(value).decode()
    except (UnicodeEncodeError, TypeError):
        finite = _finite(value)
        return json.dumps(finite, sort_keys=ordered, separators=(",", ":"), default=_plain)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
