"""Which arrivals a training is pinned before: those without a decision that are new to all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tasks.data.commits import REMOVED, Commit
from tasks.ledger.entry import Entry
from tasks.monitoring.arrivals import Arrival, decision_id
from tasks.training.unseen import find_unseen, removed_after, version_before

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def arrived(name: str, version: int, *, labels: bool = False) -> Arrival:
    return Arrival(name, version, name, 9, NOON + timedelta(minutes=version), labels)


def decided(name: str, *, labels: bool = False) -> Entry:
    return Entry(decision_id(name, labels=labels), NOON, "toy", "decision", 1, "monitor", "")


CAME = (arrived("a", 0), arrived("b", 1), arrived("c", 2), arrived("l", 0, labels=True))


@pytest.mark.parametrize(
    ("data", "labels", "unseen", "pinned"),
    [
        (0, None, ["b", "c", "l"], (0, None)),
        (1, 0, ["c"], (1, 0)),
        (2, None, ["l"], (2, None)),
        (2, 0, [], (2, 0)),
    ],
)
def test_what_the_champion_had_is_not_left_out(
    data: int, labels: int | None, unseen: list[str], pinned: tuple[int, int | None]
) -> None:
    found = find_unseen(CAME, (), data, labels)
    assert [arrival.batch for arrival in found] == unseen
    assert version_before(found, 2, labels=False) == pinned[0]
    assert version_before(found, 0, labels=True) == pinned[1]


def test_a_decision_on_rows_is_none_on_labels_of_the_same_bytes() -> None:
    entries = [decided("b"), decided("c"), decided("l")]
    assert [arrival.batch for arrival in find_unseen(CAME, entries, 0, None)] == ["l"]
    entries.append(decided("l", labels=True))
    assert find_unseen(CAME, entries, 0, None) == ()


def test_what_was_removed_later_is_named_and_what_was_gone_before_is_not() -> None:
    commits = [
        Commit(version, NOON, None, {REMOVED: name} if name else {}, 0)
        for version, name in enumerate(["", "a", "", "b"])
    ]
    assert removed_after(1, commits) == ("b",)
    assert removed_after(0, commits) == ("a", "b")
    assert removed_after(None, commits) == ()
