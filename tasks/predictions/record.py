"""One logged answer as bytes and back, and what was sent as JSON text; the door of msgspec."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

Role = Literal["champion", "shadow", "canary"]
# msgpack's mark of an array whose length stands in the next four bytes
ARRAY = b"\xdd"
# seconds: the first that neither datetime nor the table's microseconds can say
YEAR_10000 = 253_402_300_800


class Record(NamedTuple):
    """What one request was answered.

    Attributes:
        version: the model version that answered.
        at: when, in seconds since 1970 (UTC).
        ids: one for each of the n rows.
        rows: n rows as they were sent.
        values: n predicted labels or numbers.
        probabilities: n lists in the order of the manifest's classes; None for regression.
        sender: the name of the API key that it was asked with; empty without one. None where it
            was not recorded, nor whether the answer may be kept.
    """

    version: int
    role: Role
    at: float
    ids: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    values: Sequence[Any]
    probabilities: Sequence[Sequence[float]] | None
    sender: str | None = ""


class Written(msgspec.Struct, array_like=True):
    """A record as it is written; release 0.1.0 wrote no sender."""

    version: int
    role: Role
    at: float
    ids: list[str]
    rows: list[dict[str, Any] | str]
    values: list[Any]
    probabilities: list[list[float]] | None
    sender: str | None = None


class Decoded(NamedTuple):
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
_UNPACK = msgspec.msgpack.Decoder(Written)
_TEXT = msgspec.json.Encoder(enc_hook=_plain)
_SORTED = msgspec.json.Encoder(enc_hook=_plain, order="sorted")


def encoded(record: Record) -> bytes:
    """Return one answer as bytes: a few microseconds for a row of 20 fields.

    Raises:
        ValueError: there are not as many rows and values as ids.
        TypeError: something is no row, or a value cannot be written.

    >>> data = encoded(Record(1, "champion", 0.0, ["a"], [{"n": 2**70}], [0.5], None))
    >>> decoded(payload([data])).records[0].rows
    [{'n': 1180591620717411303424}]
    """
    if not len(record.ids) == len(record.rows) == len(record.values):
        sizes = len(record.ids), len(record.rows), len(record.values)
        raise ValueError(f"as many ids, rows and values; got {sizes}")
    try:
        return _PACK.encode(record)
    except (OverflowError, UnicodeEncodeError):
        # JSON has larger numbers, and halves of surrogate pairs, that msgpack has not
        names = [name.encode(errors="replace").decode() for name in record.ids]
        texts = [json.dumps(dict(row), default=_plain) for row in record.rows]
        sender = (record.sender or "").encode(errors="replace").decode()
        return _PACK.encode((*record[:3], names, texts, *record[5:7], sender))


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
            told = msgspec.structs.asdict(_UNPACK.decode(part))
            rows = [json.loads(row) if isinstance(row, str) else row for row in told["rows"]]
            found.append(_checked(Record(**{**told, "rows": rows})))
        # the checksum held, so a worker wrote it thus: the others beside it are good
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
    # msgspec refuses halves of surrogate pairs, and sorts no keys of several types
    except (UnicodeEncodeError, TypeError):
        finite = _finite(value)
        return json.dumps(finite, sort_keys=ordered, separators=(",", ":"), default=_plain)


def key_of(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """Return the canonical JSON of a row's key, or an empty text where a part of it is missing.

    Names are sorted, and a whole number is written as one: 3.0 is 3.

    >>> key_of({"b": 3.0, "a": "x", "more": 1}, ["b", "a"])
    '{"a":"x","b":3}'
    >>> key_of({"a": None}, ["a"])
    ''
    """
    parts = {name: _whole(row.get(name)) for name in columns}
    missing = not parts or any(value is None or value == "" for value in parts.values())
    return "" if missing else as_json(parts, ordered=True)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _checked(record: Record) -> Record:
    """Return the record, unless it would not fit into the table."""
    answers = (record.ids, record.rows, record.values, record.probabilities)
    sizes = [len(values) for values in answers if values is not None]
    if len(set(sizes)) > 1:
        raise ValueError(f"as many ids, rows and answers; got {sizes}")
    if not (0 <= record.at < YEAR_10000 and 0 <= record.version < 2**63):
        raise ValueError(f"a time and a version; got {record.at} and {record.version}")
    return record


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
