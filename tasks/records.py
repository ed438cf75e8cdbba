"""Records: frozen dataclasses as plain JSON values, and back. Pure; the door of msgspec to them.

What is stored is read by other releases than the one that wrote it. A field that a newer one
added is left out; one that is lacking, or holds something else, is refused with its place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tasks.errors import IntegrityError, PerennialError

T = TypeVar("T")
REMEDY = "Use the release that wrote it."

# msgspec asks `dec_hook` only about types it does not know, so at run time it is one of its own.
if TYPE_CHECKING:
    MaybeNaN = float
else:

    class MaybeNaN(float):
        """A number that may be unknown: NaN here, null in JSON."""


def plain(record: Any, *, nan_as_null: bool = False) -> Any:
    """Return a record as JSON values: lists for tuples, ISO 8601 for times.

    NaN and the infinities stay, for a strict writer to refuse, unless they are asked for as null.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Judged:
    ...     values: tuple[MaybeNaN, ...]
    ...     at: datetime
    >>> plain(Judged((0.5, math.nan), datetime(2013, 4, 1)), nan_as_null=True)
    {'values': [0.5, None], 'at': '2013-04-01T00:00:00'}
    """
    values = msgspec.to_builtins(record, builtin_types=(datetime,), enc_hook=_scalar)
    return _json(values, nan_as_null)


def read(
    kind: type[T],
    content: Any,
    where: str,
    rule: str = "",
    *,
    refusal: type[PerennialError] = IntegrityError,
) -> T:
    """Return the record of this kind that `content`, of JSON values, holds.

    Raises:
        IntegrityError: a field is lacking or holds something else (or the `refusal` given).

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Pin:
    ...     version: int
    >>> read(Pin, {"version": 3, "since": "a newer release"}, "pin.json")
    Pin(version=3)
    >>> read(Pin, {}, "pin.json")
    Traceback (most recent call last):
    ...
    tasks.errors.IntegrityError: pin.json: it is a record of Pin; \
got Object missing required field `version`. Use the release that wrote it.
    """
    try:
        return msgspec.convert(content, kind, dec_hook=_figure)
    except msgspec.ValidationError as error:
        raise refusal(where, rule or f"it is a record of {kind.__name__}", error, REMEDY) from error


def _scalar(value: Any) -> Any:
    """Take NumPy's text and float64 as what they are derived from, as the json module does."""
    for kind in (float, str):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"a record holds JSON values; got {type(value).__name__}")


def _figure(kind: type[Any], value: Any) -> Any:
    if kind is not MaybeNaN or not isinstance(value, float | int | None):
        raise ValueError(f"expected a number or null, got {value!r}")
    return MaybeNaN(math.nan if value is None else value)


def _json(value: Any, nan_as_null: bool) -> Any:
    if isinstance(value, Mapping):
        return {key: _json(item, nan_as_null) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item, nan_as_null) for item in value]
    if isinstance(value, datetime):
        # msgspec would write UTC as Z: the digests of what is stored are over isoformat's text
        return value.isoformat()
    if nan_as_null and isinstance(value, float) and not math.isfinite(value):
        return None
    return value
