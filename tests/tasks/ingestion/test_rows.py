"""Rows on a folder: once in the curated table, or in quarantine with the reasons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError, NotFound
from tasks.ingestion.entrance import Entrance, find_pending
from tasks.ingestion.quarantine import tell_ledger
from tasks.workspace import Workspace
from tests.tasks.ingestion.landing import drop, landed, local_workspace, state
from tests.tasks.ingestion.scenes import HEADER, csv, people, row


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return local_workspace(tmp_path, people())


def pending(workspace: Workspace) -> list[str]:
    return [info.key for info in find_pending(workspace, Entrance("rows", workspace.layout))]


def test_an_accepted_batch_lands_with_report_docs_and_receipt(workspace: Workspace) -> None:
    key = drop(workspace, "a.csv", csv(20))
    assert pending(workspace) == [key]
    done = landed(workspace, key)
    assert (done.outcome, done.rows, done.stands) == ("accepted", 20, "accepted")
    assert pending(workspace) == []
    left = state(workspace)
    assert len(left.rows) == 20
    assert {line[-1] for line in left.rows} == {done.batch}
    assert left.under("quarantine/") == ()
    ends = ("html", "json", "md")
    assert left.under("reports/validation/") == tuple(f"{done.batch}.{end}" for end in ends)
    docs = ("index.html", f"validations/{done.batch}.accepted.html")
    assert left.under("reports/data-docs/") == docs
    (receipt,) = left.under("receipts/")
    document = json.loads(workspace.bucket.get(workspace.layout.receipts + receipt))
    assert document.pop("cost")["written_bytes"] > 0
    told = {"batch": done.batch, "outcome": "accepted", "key": key, "version": done.version}
    assert document == {**told, "perennial": "receipt 1"}
    assert workspace.curated.has(done.batch) == done.version


def test_a_refused_batch_is_quarantined_with_its_reasons(workspace: Workspace) -> None:
    content = csv(5, ward="nowhere")
    done = landed(workspace, drop(workspace, "report.json", content))
    assert (done.outcome, done.stands) == ("quarantined", "quarantined")
    again = landed(workspace, drop(workspace, "a.csv", content))
    assert (again.outcome, again.version, again.reasons) == ("already", None, done.reasons)
    folder = workspace.layout.quarantine(done.batch)
    assert workspace.bucket.get(f"{folder}object.report.json") == content.encode()
    report = json.loads(workspace.bucket.get(f"{folder}report.json"))
    assert (report["accepted"], report["reasons"]) == (False, list(done.reasons))
    assert workspace.curated.version() is None
    for _ in range(2):
        tell_ledger(workspace, again, "people/incoming/a.csv")
    (entry,) = workspace.ledger.entries("quarantine")
    assert entry.figures["reasons"] == list(done.reasons)


def test_the_same_bytes_land_once_whatever_their_name(workspace: Workspace) -> None:
    first = landed(workspace, drop(workspace, "a.csv", csv(5)))
    second = landed(workspace, drop(workspace, "b.csv", csv(5)))
    third = landed(workspace, drop(workspace, "a.csv", csv(5)))
    assert (second.outcome, second.version) == ("already", first.version)
    assert third.outcome == "already"
    assert len(state(workspace).rows) == 5


def test_a_lost_or_damaged_receipt_costs_no_row(workspace: Workspace) -> None:
    key = drop(workspace, "a.csv", csv(5))
    landed(workspace, key)
    before = state(workspace)
    (receipt,) = [info.key for info in workspace.bucket.list(workspace.layout.receipts)]
    for damaged in (b"", b"[]", b'{"batch": "../x"}', None):
        if damaged is None:
            workspace.bucket.delete(receipt)
            assert pending(workspace) == [key]
        else:
            workspace.bucket.put(receipt, damaged)
        assert landed(workspace, key).outcome == "already"
        assert state(workspace) == before


def test_an_object_that_changed_is_another_arrival(workspace: Workspace) -> None:
    landed(workspace, drop(workspace, "a.csv", csv(5)))
    key = drop(workspace, "a.csv", csv(7))
    assert pending(workspace) == [key]
    done = landed(workspace, key)
    assert done.report is not None
    assert (done.report.cleaning.duplicates_known, done.rows) == (5, 2)
    assert len({line[0] for line in state(workspace).rows}) == 7


def test_the_first_batch_settles_columns_that_the_suite_leaves_open(tmp_path: Path) -> None:
    workspace = local_workspace(tmp_path, people(suite="tests.suites.open_columns"))
    landed(workspace, drop(workspace, "a.csv", csv(5)))
    more = (HEADER + row(9)).replace(",stays", ",stays,extra").replace("\n", ",1\n").encode()
    refused = landed(workspace, drop(workspace, "b.csv", more.replace(b"extra,1", b"extra")))
    assert refused.report is not None
    assert [problem.rule for problem in refused.report.problems] == ["unexpected column"]
    refused = landed(workspace, drop(workspace, "c.csv", csv(3, cost="dear")))
    assert refused.report is not None
    assert [problem.column for problem in refused.report.problems] == ["cost"]


def test_an_empty_suite_and_a_missing_object_are_told(tmp_path: Path) -> None:
    empty = local_workspace(tmp_path, people(suite="tests.suites.nothing"))
    key = drop(empty, "a.csv", csv(5))
    with pytest.raises(ConfigurationError, match="a suite has expectations"):
        landed(empty, key)
    with pytest.raises(ConfigurationError, match="its module exists"):
        landed(local_workspace(tmp_path, people(suite="tests.suites.absent")), key)
    with pytest.raises(NotFound, match=r"Look under people/incoming/\."):
        landed(local_workspace(tmp_path, people()), f"{key}.gone")
    assert pending(empty) == [key]
    assert state(empty).under("receipts/") == ()
