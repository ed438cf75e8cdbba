"""Which tests stay together in one worker, and which units go first.

Tests that share a fixture which is costly to make again are one unit: those of a fixture that a
folder's conftest keeps for the session, or those of a module with fixtures of its own. What
tests/conftest.py offers is shared by all workers and binds nothing. Any other test that takes
long is a unit by itself; the short ones of a module go together.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import fsum
from pathlib import Path

import pytest

TABLE = Path(__file__).with_name("seconds.json")
LONG = 3.0
SERVERS = {"s3", "orchestrator", "prefect_server", "stack"}


def fixtures(item: pytest.Item) -> set[str]:
    """Return the names of every fixture a test needs, indirect ones included."""
    return set(getattr(item, "fixturenames", ()))


def function_of(nodeid: str) -> str:
    """Return a test's id without its parameters.

    >>> function_of("tests/test_a.py::test_b[1::2]")
    'tests/test_a.py::test_b'
    """
    return nodeid.partition("[")[0]


def unit(item: pytest.Item, seconds: Mapping[str, float]) -> str:
    """Return the name of the unit that a test belongs to."""
    info = getattr(item, "_fixtureinfo", None)
    wide = [stack[-1] for stack in (info.name2fixturedefs if info else {}).values()]
    kept = sorted(
        fixture.argname
        for fixture in wide
        if fixture.scope in ("session", "package") and fixture.baseid.startswith("tests/")
    )
    function = function_of(item.nodeid)
    module = function.partition("::")[0]
    if kept:
        return kept[0]
    if any(fixture.scope in ("module", "class") for fixture in wide):
        return module
    return function if seconds.get(function, 0.0) >= LONG else module


def longest_first(items: Iterable[pytest.Item], seconds: Mapping[str, float]) -> dict[str, str]:
    """Return the unit of each test, in the order in which the tests should be handed out."""
    units: defaultdict[str, list[str]] = defaultdict(list)
    for item in items:
        units[unit(item, seconds)].append(item.nodeid)

    def length(ids: list[str]) -> float:
        return fsum(seconds.get(name, 0.0) for name in {function_of(nodeid) for nodeid in ids})

    # every worker must come to one order: a plain sum over a set differs in its last digit with
    # the seed of the hashes, and xdist ends a run whose workers collected differently
    ordered = sorted(units.items(), key=lambda named: (-length(named[1]), named[0]))
    return {nodeid: name for name, ids in ordered for nodeid in ids}


def read_table() -> dict[str, float]:
    """Return the seconds of the functions that took long when the table was last written."""
    table: dict[str, float] = json.loads(TABLE.read_text())
    return table


def write_table(measured: Mapping[str, float], kept: Mapping[str, float], least: float) -> None:
    """Write what was measured in place of what was; a file that is gone loses its lines."""
    root = TABLE.parent.parent
    merged = {
        name: round(seconds, 1)
        for name, seconds in sorted({**kept, **measured}.items())
        if seconds >= least and (root / name.partition("::")[0]).exists()
    }
    TABLE.write_text(json.dumps(merged, indent=1) + "\n")
