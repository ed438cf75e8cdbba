"""What a table's log says about its versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

OURS = "perennial."
TRANSACTION = "transaction"
# Of these neither changes a row: what Delta says of rewriting files, and of removing unneeded ones.
UPKEEP = frozenset({"OPTIMIZE", "VACUUM START", "VACUUM END"})
REMOVED = "removed"  # under it, the commit that took a batch out tells which
WRITER_BITS = 32  # with 31 of the version, a signed 64-bit number: all Delta keeps


@dataclass(frozen=True)
class Appended:
    """The version that holds the transaction, and whether it was this call that landed it."""

    version: int
    landed: bool


@dataclass(frozen=True)
class Commit:
    """One version of a table: when it was made (UTC), what was said about it, rows added.

    `upkeep`: the rows are those of the version before, in other files at most.
    """

    version: int
    at: datetime
    transaction: str | None
    metadata: Mapping[str, str]
    rows: int
    upkeep: bool = False


def describe(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return what a commit says about itself, under names that are nobody else's.

    >>> describe({"object": "a.csv"})
    {'perennial.object': 'a.csv'}
    """
    return {f"{OURS}{name}": value for name, value in metadata.items()}


def read_commit(version: int, entry: Mapping[str, Any]) -> Commit:
    """Read what the commit of this version says about itself."""
    said = {
        name.removeprefix(OURS): str(value)
        for name, value in entry.items()
        if name.startswith(OURS)
    }
    return Commit(
        version=version,
        # Delta's log counts in milliseconds.
        at=datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
        transaction=said.pop(TRANSACTION, None),
        metadata=said,
        rows=int(entry.get("operationMetrics", {}).get("num_added_rows", 0)),
        upkeep=entry.get("operation") in UPKEEP,
    )


def name_removal(batch: str) -> str:
    """Return the transaction that takes a batch out: it lands once, as the batch did."""
    return f"removal-{batch}"


def find_removed(commits: Iterable[Commit]) -> frozenset[str]:
    """Return the batches that commits say they took out."""
    return frozenset(commit.metadata[REMOVED] for commit in commits if REMOVED in commit.metadata)


def number_transaction(first: int, writer: int) -> int:
    """Return the number a transaction is stored with.

    It says the first version its commit can be (31 bits), and which writer's it is (32 bits).

    >>> first_and_writer(number_transaction(7, 12345))
    (7, 12345)
    """
    return first << WRITER_BITS | writer


def first_and_writer(number: int) -> tuple[int, int]:
    """Read what `number_transaction` gave."""
    return number >> WRITER_BITS, number & (2**WRITER_BITS - 1)
