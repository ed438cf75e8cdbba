"""A decision reads a ledger that holds: what was verified stays so, and what was cut is missed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks.data.upkeep import compact_files
from tasks.errors import IntegrityError
from tasks.ledger.entry import Entry
from tasks.ledger.head import NOTHING, Head, read_head
from tasks.ledger.ledger import Ledger, ledger_of
from tasks.ledger.links import LINK
from tasks.ledger.verified import (
    Anchor,
    accept_lines,
    look_at_ledger,
    sign_head_again,
    verified_entries,
)
from tasks.signatures import Keyring
from tasks.store.layout import Layout, commit
from tests.buckets import local

KEY = Keyring("a key")
NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
TOY = Layout("toy")


def told(number: int) -> Entry:
    return Entry(f"line-{number}", NOON, "toy", "verdict", number, "gate", "passed")


@pytest.fixture
def ledger() -> Ledger:
    """Return a ledger of four lines, of which three were decided by."""
    made = ledger_of(local(), "toy", KEY)
    for number in range(3):
        made.append(told(number))
    assert len(verified_entries(made)) == 3
    made.append(told(3))
    return made


def folder_of(ledger: Ledger) -> Path:
    return Path(ledger.table.uri.removeprefix("file://"))


def head_of(ledger: Ledger) -> Head:
    return read_head(ledger.bucket, "toy", ledger.keyring)


def is_refused(ledger: Ledger) -> bool:
    try:
        verified_entries(ledger)
    except IntegrityError as error:
        assert "`perennial verify toy --accept`" in str(error)
        return True
    return False


def change_a_line(ledger: Ledger, number: int) -> None:
    for path in folder_of(ledger).glob("*.parquet"):
        rows = pq.read_table(path)
        if rows["id"].to_pylist() == [f"line-{number}"]:
            place = rows.schema.get_field_index("by")
            forged = rows.set_column(place, rows.schema.field(place), [["mallory"]])
            pq.write_table(forged, path)
            tell_the_size(ledger, path)
            return
    pytest.fail("no such line")


def tell_the_size(ledger: Ledger, path: Path) -> None:
    # readers believe the log, which can be written like anything else
    for log in (folder_of(ledger) / "_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        for added in (line["add"] for line in lines if "add" in line):
            if added["path"] == path.name:
                added["size"] = path.stat().st_size
        log.write_text("\n".join(map(json.dumps, lines)) + "\n")


def change_an_old_line(ledger: Ledger) -> None:
    change_a_line(ledger, 0)


def change_a_new_line(ledger: Ledger) -> None:
    change_a_line(ledger, 3)


def cut(ledger: Ledger, last: int = 2) -> None:
    """Take the last commits away, as whoever can write to the bucket can."""
    newest = ledger.table.version()
    assert newest is not None
    for version in range(newest - last + 1, newest + 1):
        ledger.bucket.delete(commit(TOY.ledger, version))


def cut_and_write_on(ledger: Ledger) -> None:
    # by honest hands, who link what they write to what is left
    cut(ledger)
    for number in range(7, 10):
        ledger.append(told(number))


def forge_a_line(ledger: Ledger) -> None:
    rows = ledger.table.rows()
    assert rows is not None
    line = rows.slice(0, 1).set_column(0, "id", [["theirs"]])
    ledger.table.append(line, "theirs", {"kind": "verdict", LINK: "fd0a240e:00"})


def write_it_anew(ledger: Ledger) -> None:
    # as a release wrote it that linked none
    rows = ledger.table.rows()
    assert rows is not None
    table = ledger_of(ledger.bucket, "toy", KEY).table
    shutil.rmtree(folder_of(ledger))
    for number in range(rows.num_rows):
        table.append(rows.slice(number, 1), f"line-{number}", {})


ATTACKS = [change_an_old_line, change_a_new_line, cut, cut_and_write_on, forge_a_line]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_decided_by_a_ledger_that_was_changed(
    ledger: Ledger, attack: Callable[[Ledger], None]
) -> None:
    attack(ledger)
    assert is_refused(ledger)
    # to be shown it is read all the same
    assert ledger.entries() != ()
    assert is_refused(ledger), "a refusal is no look that counts"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_ledger_that_a_person_accepted_is_decided_by_while_it_stays_so(
    ledger: Ledger, attack: Callable[[Ledger], None]
) -> None:
    attack(ledger)
    assert accept_lines(ledger, "ada") is not None
    assert not is_refused(ledger)
    assert ledger.append(told(20))
    assert not is_refused(ledger)
    assert head_of(ledger).accepted == "ada"
    # a look at all of it begins behind what was accepted
    assert look_at_ledger(ledger, whole=True).faults == ()
    change_a_line(ledger, 20)
    assert is_refused(ledger)


def test_a_whole_ledger_is_not_accepted_and_one_without_lines_holds(ledger: Ledger) -> None:
    assert accept_lines(ledger, "ada") is None
    assert head_of(ledger).accepted == ""
    assert verified_entries(ledger_of(local(), "toy", KEY)) == ()


def test_what_was_verified_is_not_walked_again(ledger: Ledger) -> None:
    before = head_of(ledger)
    assert (before.linked, before.version) == (3, 3)
    assert len(verified_entries(ledger)) == 4
    assert (head_of(ledger).linked, head_of(ledger).version) == (4, 4)
    newest, rows, commits = ledger.table.read_since(3) or pytest.fail("no table")
    assert (newest, rows.num_rows) == (4, 4)
    assert [said.transaction for said in commits] == ["line-3"]
    newest, rows, commits = ledger.table.read_since(4) or pytest.fail("no table")
    assert (newest, rows.num_rows, commits) == (4, 4, ())


def test_who_has_another_key_writes_no_line_that_would_break_the_chain(ledger: Ledger) -> None:
    stranger = Ledger(ledger.bucket, ledger.pipeline, Keyring("another key"))
    with pytest.raises(IntegrityError, match="verify toy --accept"):
        stranger.append(told(4))
    assert len(verified_entries(ledger)) == 4
    # the key was lost, and a person takes the lines as they are
    assert accept_lines(stranger, "ann") == 4
    stranger.append(told(4))
    assert len(verified_entries(stranger)) == 5


def test_upkeep_of_the_table_links_nothing_and_breaks_nothing(ledger: Ledger) -> None:
    for count in (4, 5):
        assert compact_files(ledger.table, 2**20) > 0
        # an upkeep is the newest commit of what is verified, and of what the next line follows
        assert len(verified_entries(ledger)) == count
        ledger.append(told(count))
        assert len(verified_entries(ledger)) == count + 1
    assert look_at_ledger(ledger, whole=True).faults == ()


def test_a_note_that_nobody_signed_is_not_believed(ledger: Ledger) -> None:
    where = TOY.ledger_head
    document = json.loads(ledger.bucket.get(where))
    ledger.bucket.put(where, json.dumps({**document, "linked": 99}).encode())
    assert head_of(ledger) == NOTHING
    change_an_old_line(ledger)
    assert is_refused(ledger)
    for data in (b"{", b"[]", b"{}"):
        ledger.bucket.put(where, data)
        assert head_of(ledger) == NOTHING


def test_a_note_is_signed_anew_with_the_ledgers_own_key(ledger: Ledger) -> None:
    both = replace(ledger, keyring=Keyring("another", earlier=("a key",)))
    sign_head_again(both)
    retired = replace(ledger, keyring=Keyring("another", retired=("a key",)))
    assert head_of(retired).linked == 3
    assert not is_refused(retired)


def test_lines_of_a_release_that_linked_none_are_decided_by(ledger: Ledger) -> None:
    write_it_anew(ledger)
    assert not is_refused(ledger)
    assert (head_of(ledger).before, head_of(ledger).linked) == (4, 0)
    assert ledger.append(told(4))
    assert not is_refused(ledger)
    assert (head_of(ledger).before, head_of(ledger).linked) == (4, 1)


def test_a_ledger_without_the_line_that_a_pointer_knows_of_is_not_decided_by(
    ledger: Ledger,
) -> None:
    anchor = Anchor(head_of(ledger).link, "a promotion")
    assert len(verified_entries(ledger, anchor)) == 4
    assert head_of(ledger).anchor == anchor.link
    # the note is further than the line: it knows of it, or looks for it among the commits
    newest = Anchor(head_of(ledger).link, "another")
    assert len(verified_entries(ledger, newest)) == 4
    assert len(verified_entries(ledger, anchor)) == 4
    write_it_anew(ledger)
    with pytest.raises(IntegrityError, match="the line before a promotion is not there"):
        verified_entries(ledger, anchor)
