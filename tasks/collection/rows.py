"""Rows out of JSON answers: where they stand, unfolded to one flat object a line. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.collection.collector import Unreadable
from tasks.errors import DataError, did_you_mean
from tasks.readers.unfold import unfold

FEW = 5
MOST_AT_ONE_VALUE = 10_000  # rows: their digests stand in the cursor


def parse_json(content: bytes) -> Any:
    """Return the document that an answer holds.

    Raises:
        Unreadable: it holds none.
    """
    try:
        return json.loads(content, parse_constant=_refuse, parse_float=_finite)
    # A page of a proxy, or an answer that was cut off where nothing says how long it is.
    except (ValueError, RecursionError) as error:
        raise Unreadable("no JSON") from error


def dig(answer: Any, path: str) -> Any:
    """Return what stands at names between dots; None where there is nothing.

    >>> dig({"data": {"items": [1, 2]}}, "data.items"), dig([1], ""), dig({"a": 1}, "a.b")
    ([1, 2], [1], None)
    """
    for name in path.split(".") if path else ():
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def find_rows(answer: Any, path: str, where: str) -> list[Any]:
    """Return the list of rows that stands at `path`.

    Raises:
        DataError: there is none.

    >>> find_rows({"itmes": [{"a": 1}]}, "items", "https://a.example/v1")
    Traceback (most recent call last):
    ...
    tasks.errors.DataError: https://a.example/v1: the answer has a list of rows at `items`; got \
none. Set source.collect.rows to where it stands. Lists are at: itmes. Did you mean itmes?
    """
    rows = dig(answer, path)
    if isinstance(rows, list):
        return rows
    lists = sorted(_lists(answer))
    told = f"Lists are at: {', '.join(lists[:FEW])}." if lists else "It holds no list."
    remedy = f"Set source.collect.rows to where it stands. {told} {did_you_mean(path, lists)}"
    place = f"at `{path}`" if path else "and nothing else"
    came = "none" if rows is None else type(rows).__name__
    raise DataError(where, f"the answer has a list of rows {place}", came, remedy.strip())


def flatten(row: Any, leave_out: Collection[str], where: str) -> dict[str, Any]:
    """Return a row as the readers unfold it, without what is left out.

    Raises:
        DataError: it is no object, or holds what no column can, such as a list.

    >>> flatten({"id": 7, "wind": {"speed": 3.5}, "tags": []}, ["tags"], "")
    {'id': 7, 'wind.speed': 3.5}
    """
    if not isinstance(row, dict):
        remedy = "Set source.collect.rows to a list of objects."
        raise DataError(where, "a row is an object of names and values", type(row).__name__, remedy)
    flat, faults = unfold(row, leave_out)
    if faults:
        rule = "a value is text, a number, true, false or null, and a name comes once"
        came = ", ".join(f"{name} ({why})" for name, why in [*faults.items()][:FEW])
        remedy = f"Name under source.leave_out what is not needed: [{', '.join([*faults][:FEW])}]."
        raise DataError(where, rule, came, remedy)
    return {name: value for name, value in flat.items() if name not in leave_out}


def write_line(row: Mapping[str, Any]) -> bytes:
    """Return a row as a line of JSON lines."""
    return json.dumps(row, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def name_row(row: Mapping[str, Any]) -> str:
    """Return a digest by which a row is known again, in whatever order its names come: 64 bits.

    >>> name_row({"a": 1, "b": 2}) == name_row({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(write_line(dict(sorted(row.items())))).hexdigest()[:16]


@dataclass(frozen=True)
class Top:
    """The largest value of a column so far, and the rows that have it, by their digests."""

    value: Any = None
    rows: tuple[str, ...] = ()

    def see(self, value: Any, digest: str, where: str) -> Top:
        """Return the top with one more row.

        Raises:
            DataError: its value cannot be compared with those before, or too many have one value.

        >>> Top().see("2026-01-02", "a", "").see("2026-01-01", "b", "").see("2026-01-02", "c", "")
        Top(value='2026-01-02', rows=('a', 'c'))
        """
        if self.value is None:
            return Top(value, (digest,))
        ours, other = self._compared(value, where)
        if other < ours:
            return self
        if other > ours:
            return Top(value, (digest,))
        if len(self.rows) >= MOST_AT_ONE_VALUE:
            remedy = "Choose a finer column for since."
            rule = f"at most {MOST_AT_ONE_VALUE:,} rows have one value of since.column"
            raise DataError(where, rule, "more", remedy)
        return Top(self.value, (*self.rows, digest))

    def is_above(self, value: Any, where: str) -> bool:
        """Say whether a value is smaller.

        Raises:
            DataError: it cannot be compared.
        """
        ours, other = self._compared(value, where)
        return bool(other < ours)

    def _compared(self, value: Any, where: str) -> tuple[Any, Any]:
        (kind, ours), (other_kind, other) = _rank(self.value), _rank(value)
        if kind != other_kind:
            remedy = "Choose a column of numbers, or one of times in one form."
            came = f"{kind} and {other_kind}"
            raise DataError(where, "the values of since.column have one type", came, remedy)
        return ours, other


def _rank(value: Any) -> tuple[str, Any]:
    """Return a kind of values, and what puts those of one kind in order."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return type(value).__name__, str(value)
    if not isinstance(value, str):
        return "number", value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return "text", value
    return ("time", moment) if moment.tzinfo is None else ("time with a zone", moment)


def _lists(answer: Any) -> Iterator[str]:
    if isinstance(answer, dict):
        for name, value in answer.items():
            if isinstance(value, list):
                yield name
            elif isinstance(value, dict):
                yield from (f"{name}.{inner}" for inner, v in value.items() if isinstance(v, list))


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("1e999 is JSON, and no number that a row can hold")
    return number


def _refuse(_: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")
