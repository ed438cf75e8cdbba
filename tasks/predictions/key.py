"""The key of a row that was asked about, as one text. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.predictions.record import as_json


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
