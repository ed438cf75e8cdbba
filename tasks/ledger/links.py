"""The lines of a ledger, each linked to the one before by a signature over both. Pure.

The link stands in the commit that the line came with. So no line can be changed, left out between
two others, or put in by whoever has no key; that the last ones are missing is not seen here, and in
the champion's pointer where they were before a promotion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.data.commits import Commit
from tasks.ledger.head import NOTHING, Head
from tasks.signatures import Keyring, canonical

LINK = "link"
PURPOSE = "perennial ledger 1"


@dataclass(frozen=True)
class LedgerCheck:
    """What came of walking a ledger.

    Attributes:
        linked: how many lines are linked.
        before: how many came before, from a release that linked none.
        faults: what does not hold, a sentence each.
    """

    linked: int
    before: int
    faults: tuple[str, ...]


def make_link(keyring: Keyring, before: str, row: Mapping[str, Any]) -> str:
    """Return the link of a row of the ledger's table to the link before it."""
    return keyring.sign(PURPOSE, _content(before, row))


def link_of(commit: Commit) -> str:
    """Return the link that a commit holds, or an empty text."""
    return commit.metadata.get(LINK, "")


def walk(
    keyring: Keyring,
    pipeline: str,
    commits: Sequence[Commit],
    rows: Iterable[Mapping[str, Any]],
    since: Head = NOTHING,
) -> LedgerCheck:
    """Walk the ledger of a pipeline from its first line to its last.

    Args:
        commits: of its table, oldest first.
        rows: of its table, in any order.
        since: what was verified before: commits and rows are those that came after it.
    """
    stored: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        stored.setdefault(row["id"], []).append(row)
    linked, earlier, before, faults = since.linked, since.before, since.link, []
    for commit in commits:
        # it brings no line; one that did all the same is of no commit of its own, see below
        if commit.upkeep:
            continue
        name, link = commit.transaction, link_of(commit)
        found = stored.pop(name, []) if name is not None else []
        if not link and not linked:
            earlier += len(found)
        elif not link:
            told = f"{name or 'a change'} came without a link, after lines that have one"
            faults.append(f"version {commit.version}: {told}")
        elif len(found) != 1:
            faults.append(f"version {commit.version}: {len(found)} lines are {name}")
        elif found[0]["pipeline"] != pipeline:
            faults.append(f"version {commit.version}: {name} is of {found[0]['pipeline']}")
        elif not keyring.held(PURPOSE, _content(before, found[0]), link):
            told = f"{name} is not as it was written, or does not follow the line before"
            faults.append(f"version {commit.version}: {told}")
        linked, before = linked + bool(link), link
    # a line that no commit names: of a file that was put into another's place
    faults += [f"{name} came with no commit of its own" for name in stored]
    return LedgerCheck(linked, earlier, tuple(faults))


def _content(before: str, row: Mapping[str, Any]) -> bytes:
    told = {name: value if name != "at" else value.isoformat() for name, value in row.items()}
    return canonical({"before": before, "line": told})
