"""Which batches the curated table has taken in, and which of them nobody has looked at yet."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime

from tasks.data.commits import Commit, find_removed
from tasks.labels.table import labels_table
from tasks.ledger.entry import PROMOTION_ENDS, Entry
from tasks.workspace import Place


@dataclass(frozen=True)
class Arrival:
    """One accepted batch, or one file of labels for rows that came before.

    `data_version` is the version of the curated table (or of the labels table) that brought it,
    `object` the key it arrived under, `rows` how many there are.
    """

    batch: str
    data_version: int
    object: str
    rows: int
    at: datetime
    labels: bool = False


def arrivals(commits: Iterable[Commit]) -> tuple[Arrival, ...]:
    """Return the accepted batches that nobody took out, oldest first."""
    commits = tuple(commits)
    gone = find_removed(commits)
    return tuple(
        _arrival(commit, commit.metadata["batch"], int(commit.metadata.get("rows", commit.rows)))
        for commit in commits
        if "batch" in commit.metadata and commit.metadata["batch"] not in gone
    )


def label_arrivals(commits: Iterable[Commit]) -> tuple[Arrival, ...]:
    """Return the accepted files of labels that brought any and stayed, oldest first."""
    commits = tuple(commits)
    gone = find_removed(commits)
    return tuple(
        _arrival(commit, commit.transaction, commit.rows, labels=True)
        for commit in commits
        if commit.transaction is not None and commit.rows and commit.transaction not in gone
    )


def _arrival(commit: Commit, batch: str, rows: int, *, labels: bool = False) -> Arrival:
    key = commit.metadata.get("object", "")
    return Arrival(batch, commit.version, key, rows, commit.at, labels)


def find_arrivals(place: Place) -> tuple[Arrival, ...]:
    """Return every batch and file of labels that was taken in, table by table, oldest first."""
    # labels without any row: nobody can look at them, and to start a run for them would not end
    if place.curated.version() is None:
        return ()
    labels = labels_table(place.bucket, place.name).history()
    return (*arrivals(place.curated.history()), *label_arrivals(labels))


def decision_id(batch: str, *, labels: bool = False) -> str:
    """Return the id of the decision that a batch leads to: one batch, one decision.

    >>> decision_id("ab12"), decision_id("ab12", labels=True)
    ('decision-ab12', 'decision-labels-ab12')
    """
    return f"decision-{'labels-' if labels else ''}{batch[:32]}"


def find_undecided(arrived: Iterable[Arrival], decisions: Iterable[Entry]) -> tuple[Arrival, ...]:
    """Return the batches without a decision, oldest first."""
    decided = {entry.id for entry in decisions}
    return tuple(
        arrival
        for arrival in arrived
        if decision_id(arrival.batch, labels=arrival.labels) not in decided
    )


def find_unanswered(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the decisions to retrain that no training has answered to its end, oldest first."""
    entries = tuple(entries)
    ended = {entry.version for entry in entries if entry.kind in PROMOTION_ENDS}
    # whatever follows from a decision names it: a verdict, an answer, a run that failed
    named = (entry.figures.get("decision") for entry in entries if not _is_underway(entry, ended))
    answered = {name for name in named if isinstance(name, str)}
    return tuple(
        entry
        for entry in entries
        if entry.kind == "decision"
        and entry.figures["decision"]["retrain"]
        and entry.id not in answered
    )


def _is_underway(entry: Entry, ended: Container[int | None]) -> bool:
    # a run that died between its verdict and the promotion is to be finished by another
    promising = entry.kind == "verdict" and entry.figures.get("next") == "promote"
    return promising and entry.version not in ended


def up_to(arrived: Iterable[Arrival], last: Arrival) -> tuple[Arrival, ...]:
    """Return what had arrived when `last` had, itself included."""

    def is_there(arrival: Arrival) -> bool:
        # versions order what one table took in, also where a clock was turned back; between the
        # two tables there are only clocks
        if arrival.labels == last.labels:
            return arrival.data_version <= last.data_version
        return arrival.at <= last.at

    return tuple(filter(is_there, arrived))
