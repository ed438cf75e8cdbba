"""What the monitor has not looked at yet: a training learns of it only afterwards. Pure.

A batch that looks poisoned is known as such by its decision. A training that began between its
arrival and that decision would learn from it all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tasks.data.commits import Commit, find_removed
from tasks.ledger.entry import Entry
from tasks.monitoring.arrivals import Arrival, find_undecided
from tasks.policy.reading import count_text

SHOWN = 5


def find_unseen(
    arrived: Iterable[Arrival], entries: Iterable[Entry], data: int, labels: int | None
) -> tuple[Arrival, ...]:
    """Return the batches and files of labels without a decision that the champion did not have.

    Args:
        arrived: everything that was taken in.
        entries: the ledger.
        data, labels: the versions of the two tables that the champion was pinned to. What came
            before the first model was there for nobody to judge, and is in it.
    """
    learned = {False: data, True: -1 if labels is None else labels}
    return tuple(
        arrival
        for arrival in find_undecided(arrived, entries)
        if arrival.data_version > learned[arrival.labels]
    )


def version_before(unseen: Iterable[Arrival], newest: int | None, *, labels: bool) -> int | None:
    """Return the version of a table before the first unseen arrival; None where there is none.

    A version and no list of what is left out: what came is then as new to the next decisions as
    it would be had it come after the training, which is how a replay has it.
    """
    firsts = [arrival.data_version for arrival in unseen if arrival.labels == labels]
    if not firsts:
        return newest
    return min(firsts) - 1 if min(firsts) else None


def removed_after(version: int | None, commits: Iterable[Commit]) -> tuple[str, ...]:
    """Return what was taken out later than a version, which holds its rows still."""
    if version is None:
        return ()
    return tuple(sorted(find_removed(commit for commit in commits if commit.version > version)))


def tell_unseen(batches: Sequence[str], pipeline: str) -> str:
    """Say that a training left out what nobody has looked at, and how it gets in.

    >>> tell_unseen(["ab12cd34ef56ab12"], "a")
    'Not learned from, because nobody has looked at it yet: ab12cd34ef56. `perennial monitor a` \
looks, and the next training has it.'
    """
    count, named = len(batches), ", ".join(batch[:12] for batch in batches[:SHOWN])
    more = f" and {count_text(count - SHOWN, 'other', 'others')}" if count > SHOWN else ""
    it = "it" if count == 1 else "them"
    return (
        f"Not learned from, because nobody has looked at {it} yet: {named}{more}. "
        f"`perennial monitor {pipeline}` looks, and the next training has {it}."
    )
