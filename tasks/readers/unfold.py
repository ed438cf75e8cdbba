"""Objects inside of rows: each value under the names that lead to it, with dots between. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

Row = dict[str, Any]
DEEPEST = 20  # objects in each other
NESTED = frozenset({dict, list})
LIST, TWICE, DEEP = "a list", "twice in one row", f"objects more than {DEEPEST} deep"


def unfold(
    row: dict[str, Any], leave_out: Collection[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a row without objects in it, and by their names what no table can hold, and why.

    `leave_out` may name an object, which goes with all that is in it.

    >>> unfold({"id": 7, "wind": {"speed": 3.5, "from": {"degree": 90}}, "tags": []}, ["tags"])
    ({'id': 7, 'wind.speed': 3.5, 'wind.from.degree': 90}, {})
    >>> unfold({"a": {"b": [1]}, "c": {"d": 1}, "c.d": 2}, [])
    ({}, {'a.b': 'a list', 'c.d': 'twice in one row'})
    """
    if NESTED.isdisjoint(map(type, row.values())):
        return row, {}
    flat: Row = {}
    faults: dict[str, str] = {}
    # a stack of our own: the depth is the sender's choice
    waiting = [(name, value, 1) for name, value in reversed(row.items())]
    while waiting:
        name, value, depth = waiting.pop()
        if type(value) in NESTED and name in leave_out:
            continue
        if isinstance(value, dict):
            if depth > DEEPEST:
                faults[name] = DEEP
                continue
            inner = reversed(value.items())
            waiting += [(f"{name}.{below}", part, depth + 1) for below, part in inner]
        elif isinstance(value, list):
            faults[name] = LIST
        elif name not in flat:
            flat[name] = value
        elif name not in leave_out:
            faults[name] = TWICE
    return ({} if faults else flat), faults


def find_objects(names: Iterable[str]) -> set[str]:
    """Return which of these names lead to others: an object in some rows, null in the rest.

    >>> find_objects(["id", "wind", "wind.speed"])
    {'wind'}
    """
    known = set(names)
    above = (name.split(".")[:depth] for name in known for depth in range(1, name.count(".") + 1))
    return known & {".".join(parts) for parts in above}
