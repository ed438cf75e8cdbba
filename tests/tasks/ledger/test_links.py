"""A ledger's lines are linked: whoever has no key changes, drops or adds none unseen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.data.commits import TRANSACTION, Commit
from tasks.ledger.entry import Entry
from tasks.ledger.ledger import Ledger, ledger_of
from tasks.ledger.links import LINK, LedgerCheck, walk
from tasks.signatures import Keyring
from tests.buckets import local

KEY = Keyring("a key")
NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
Rows = list[dict[str, Any]]


def told(number: int) -> Entry:
    return Entry(f"line-{number}", NOON, "flights", "verdict", number, "gate", "passed")


@pytest.fixture
def ledger() -> Ledger:
    made = ledger_of(local(), "flights", KEY)
    for number in range(4):
        assert made.append(told(number))
    return made


def check(ledger: Ledger, keyring: Keyring = KEY) -> LedgerCheck:
    rows = ledger.table.rows()
    assert rows is not None
    return walk(keyring, "flights", ledger.table.history(), rows.to_pylist())


def test_what_was_written_holds_under_the_key_of_its_time_and_under_no_other(
    ledger: Ledger,
) -> None:
    assert check(ledger) == LedgerCheck(4, 0, ())
    later = Keyring("another", retired=("a key",))
    assert replace(ledger, keyring=later).append(told(4))
    assert check(ledger, later) == LedgerCheck(5, 0, ())
    assert len(check(ledger, Keyring("a third")).faults) == 5


def test_lines_of_a_release_that_linked_none_are_counted(ledger: Ledger) -> None:
    rows = ledger.table.rows()
    assert rows is not None
    commits = [
        replace(commit, metadata={}) if commit.version < 3 else commit
        for commit in ledger.table.history()
    ]
    found = walk(KEY, "flights", commits, rows.to_pylist())
    assert (found.linked, found.before) == (2, 2)
    # the third was linked to one that is not there any more
    assert [fault.partition(":")[0] for fault in found.faults] == ["version 3"]


def change_a_line(commits: list[Commit], rows: Rows) -> None:
    rows[1]["summary"] = "refused"


def drop_a_line(commits: list[Commit], rows: Rows) -> None:
    dropped = commits.pop(2).transaction
    rows[:] = [row for row in rows if row["id"] != dropped]


def exchange_two(commits: list[Commit], rows: Rows) -> None:
    commits[2], commits[3] = commits[3], commits[2]


def add_a_line(commits: list[Commit], rows: Rows) -> None:
    rows.append({**rows[0], "id": "theirs"})
    commits.append(replace(commits[-1], transaction="theirs", metadata={}))


def add_a_row_alone(commits: list[Commit], rows: Rows) -> None:
    rows.append({**rows[0], "id": "theirs"})


def write_a_line_twice(commits: list[Commit], rows: Rows) -> None:
    rows.append(dict(rows[0]))


@pytest.mark.parametrize(
    "attack",
    [
        change_a_line,
        drop_a_line,
        exchange_two,
        add_a_line,
        add_a_row_alone,
        write_a_line_twice,
    ],
)
def test_who_has_no_key_is_seen(
    ledger: Ledger, attack: Callable[[list[Commit], Rows], None]
) -> None:
    table = ledger.table.rows()
    assert table is not None
    commits, rows = list(ledger.table.history()), table.to_pylist()
    attack(commits, rows)
    assert walk(KEY, "flights", commits, rows).faults


def test_a_line_that_came_without_a_key_is_seen_on_a_real_table(ledger: Ledger) -> None:
    rows = ledger.table.rows()
    assert rows is not None
    forged = rows.slice(0, 1).set_column(0, "id", [["theirs"]])
    ledger.table.append(forged, "theirs", {"kind": "verdict"})
    assert ledger.append(told(9))
    (fault,) = check(ledger).faults
    assert "theirs came without a link" in fault


def test_a_link_stands_in_the_commit_of_its_line(ledger: Ledger) -> None:
    said: list[Mapping[str, str]] = [commit.metadata for commit in ledger.table.history()[1:]]
    assert all(TRANSACTION not in metadata for metadata in said)
    links = [metadata[LINK] for metadata in said]
    assert len({*links}) == 4
    assert all(KEY.is_current(link) for link in links)
