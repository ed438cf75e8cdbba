"""What a table's log says about its versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

OURS = "perennial."
TRANSACTION, WRITER = "transaction", "writer"


@dataclass(frozen=True)
class Appended:
    """The version that holds the transaction, and whether it was this call that landed it."""

    version: int
    landed: bool


@dataclass(frozen=True)
class Commit:
    """One version of a table: when it was made (UTC), what was said about it, rows added."""

    version: int
    at: datetime
    transaction: str | None
    writer: str | None
    metadata: Mapping[str, str]
    rows: int


def described(transaction: str, writer: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what a commit says about itself, under names that are nobody else's.

    >>> described("ab12", "w1", {"object": "a.csv"})["perennial.object"]
    'a.csv'
    """
    said = {**metadata, TRANSACTION: transaction, WRITER: writer}
    return {f"{OURS}{name}": value for name, value in said.items()}


def commit_of(version: int, entry: Mapping[str, Any]) -> Commit:
    """Read what the commit of this version says about itself."""
    said = {
        name.removeprefix(OURS): str(value)
        for name, value in entry.items()
        if name.startswith(OURS)
    }
    return Commit(
        version=version,
        at=datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
        transaction=said.pop(TRANSACTION, None),
        writer=said.pop(WRITER, None),
        metadata=said,
        rows=int(entry.get("operationMetrics", {}).get("num_added_rows", 0)),
    )


def commit_in(version: int, log: bytes) -> Commit:
    """Read the log file of one version: a JSON action on each line.

    >>> log = b'{"commitInfo": {"timestamp": 0, "perennial.transaction": "ab12"}}'
    >>> commit_in(3, log).transaction
    'ab12'
    """
    actions = [json.loads(line) for line in log.splitlines()]
    said = [action["commitInfo"] for action in actions if "commitInfo" in action]
    return commit_of(version, said[0] if said else {"timestamp": 0})
