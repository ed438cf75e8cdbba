"""What a newer release wrote is told to an older client, and stops none of its readers."""

from __future__ import annotations

import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from deployments.local.doctor import check_formats
from tasks.documents import DOCUMENTS, MARK
from tasks.ledger.entry import KINDS
from tasks.ledger.ledger import COLUMNS
from tasks.ledger.story import story
from tasks.ledger.suspicion import held_back
from tasks.promotion import pointer, trials
from tasks.promotion.signing import accept_pointers
from tasks.promotion.waiting import waiting_versions
from tasks.reconciliation.readable import find_unreadable
from tasks.reconciliation.waiting import find_waiting
from tasks.settings import Settings
from tasks.workspace import Workspace
from tests import life
from tests.golden.write import KEY, SECTIONS, toy_rows

ARCHIVE = Path(__file__).parent / "0.1.0" / "stored.tar.xz"
NEWER = {MARK: f"entry {DOCUMENTS['entry'] + 1}"}
SEEN = {MARK: f"observation {DOCUMENTS['observation'] + 1}", "batches": ["a", "b"]}
FUTURE: dict[str, tuple[str, dict[str, Any]]] = {
    "merger": ("merger", {"batch": ["a", "b"], "decision": {"taken": "yes"}}),
    "verdict-9": ("verdict", NEWER | {"decision": {"name": "decision-1"}, "next": ["promote"]}),
    "decision-9": ("decision", {"observation": SEEN, "decision": {"steps": []}}),
    "clearance-9": ("clearance", NEWER | {"batches": ["a"]}),
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    with tarfile.open(ARCHIVE) as file:
        file.extractall(tmp_path, filter="data")
    made = life.toy_workspace(tmp_path, **SECTIONS)
    accept_pointers(made)
    return made


def write_future(workspace: Workspace) -> None:
    """Append entries as a newer release would."""
    for name, (kind, figures) in FUTURE.items():
        row = {
            "id": name,
            "at": datetime(2030, 1, 1, tzinfo=UTC),
            "pipeline": "toy",
            "kind": kind,
            "version": 2,
            "by": "a newer release",
            "summary": f"what {name} did",
            "figures": json.dumps(figures),
        }
        workspace.ledger.table.append(pa.Table.from_pylist([row], COLUMNS), name, {})


def decide_again(workspace: Workspace) -> list[str]:
    """Return the reasons of what is decided on one batch more."""
    life.ingest(workspace, "more.csv", toy_rows(40, start=900))
    return [decided.decision.reason for decided in life.monitor(workspace)]


def test_entries_of_a_newer_release_stop_no_reader(workspace: Workspace, tmp_path: Path) -> None:
    before = workspace.ledger.entries()
    told, waiting = story(before), waiting_versions(before)
    held, due = held_back(before), find_waiting(workspace)
    write_future(workspace)
    entries = workspace.ledger.entries()
    assert story(entries)[: len(told)] == told
    assert {chapter.title for chapter in story(entries)[len(told) :]} == {
        "merger",
        "verdict (newer format)",
        "decision (newer format)",
        "clearance (newer format)",
    }
    assert "What merger did. By a newer release." in str(story(entries)[-4:])
    assert json.dumps([entry.to_dict() for entry in entries])
    assert (waiting_versions(entries), held_back(entries)) == (waiting, held)
    assert trials.standing(workspace) is None
    assert find_waiting(workspace) == due

    with tarfile.open(ARCHIVE) as file:
        file.extractall(tmp_path / "without", filter="data")
    without = life.toy_workspace(tmp_path / "without", **SECTIONS)
    accept_pointers(without)
    assert decide_again(workspace) == decide_again(without) != []


def test_the_doctor_tells_what_this_release_cannot_read(
    workspace: Workspace, tmp_path: Path
) -> None:
    address = {"PERENNIAL_BUCKET": f"file://{tmp_path / 'bucket'}", "PERENNIAL_SIGNING_KEY": KEY}
    settings = Settings.from_environment(address)
    (check,) = check_formats(settings)
    assert (check.name, check.passed, check.remedy) == ("formats of toy", True, "")

    write_future(workspace)
    key = workspace.layout.champion
    document = json.loads(workspace.bucket.get(key))
    newer = {**document, MARK: f"champion pointer {DOCUMENTS['champion pointer'] + 1}"}
    workspace.bucket.put(key, json.dumps(newer).encode())
    (check,) = check_formats(settings)
    assert not check.passed
    assert "toy/champion.json: this release reads a champion pointer up to" in check.detail
    assert "toy/ledger: this release knows the kinds of the newest" in check.detail
    assert "1 of kind merger" in check.detail
    assert check.detail.count("written by a newer release. Upgrade perennial.") == 2


def test_a_pointer_of_0_1_0_keeps_its_name_in_the_ledger(workspace: Workspace) -> None:
    assert find_unreadable(workspace) == ()
    found = pointer.read(workspace)
    assert found is not None
    entries = workspace.ledger.entries()
    assert f"rollback-{found[0].id}" in {entry.id for entry in entries}
    assert {entry.kind for entry in entries} <= KINDS.keys()
