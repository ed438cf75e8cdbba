"""A refused object is judged anew where a person asks, and only there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import Refused
from tasks.ingestion.entrance import KINDS, Entrance, Kind
from tasks.ingestion.land import land
from tasks.ingestion.landing import Landed
from tasks.ingestion.quarantine import tell_ledger, tell_release
from tasks.ingestion.retry import call_back, find_refused, pick_refused
from tasks.ingestion.trouble import Troubles, find_troubles, try_landing
from tasks.labels.table import labels_table
from tasks.ledger.reversal import standing_refusals
from tasks.workspace import Workspace
from tests.tasks.ingestion.desk import bench
from tests.tasks.ingestion.landing import drop, label_file, landed, opened, state
from tests.tasks.ingestion.scenes import HEADER, csv, people, row
from tests.tasks.ingestion.stumbling import stumbling

BAD = (csv(20) + row(99, ward="nowhere")).encode()


def lenient(workspace: Workspace) -> Workspace:
    """Return the workspace after a person has mended its contract."""
    return replace(workspace, pipeline=people("toy", suite="tests.suites.open_columns"))


def refuse(workspace: Workspace, kind: Kind = "rows", name: str = "april.csv") -> Landed:
    key = drop(workspace, name, BAD if kind == "rows" else label_file(("v1", 1, "soon")), kind)
    done = landed(workspace, key, kind)
    assert done.outcome == "quarantined"
    if kind == "rows":
        tell_ledger(workspace, done, key)
    return done


def again(workspace: Workspace, name: str, kind: Kind = "rows") -> Landed:
    """Do what `perennial retry` and its flow do."""
    key = call_back(workspace, pick_refused(workspace, name))
    done = land(opened(workspace, kind), key, lambda _: None, again=True)
    if done.stands == "accepted":
        tell_release(workspace, done, key)
    return done


def test_after_the_contract_is_mended_the_same_file_comes_in_once(tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path)
    first = refuse(workspace)
    mended = lenient(workspace)
    key = drop(workspace, "april.csv", BAD)
    assert landed(mended, key).outcome == "already", "by itself it stays where it is"
    done = again(mended, "april.csv")
    assert (done.outcome, done.rows, done.batch) == ("accepted", 21, first.batch)
    assert list(workspace.bucket.list(f"toy/quarantine/{first.batch}/")) == []
    entries = workspace.ledger.entries()
    assert [entry.kind for entry in entries] == ["quarantine", "release"]
    assert entries[-1].summary == "april.csv was judged anew and is accepted, 21 rows"
    assert standing_refusals(entries) == ()
    with pytest.raises(Refused, match=r"0 batches in quarantine are named april\.csv\. Nothing is"):
        pick_refused(workspace, "april.csv")
    before = state(workspace)
    assert landed(mended, key).stands == "accepted"
    assert state(workspace) == before


def test_what_is_still_wrong_is_refused_again_with_todays_reasons(tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path)
    batch = refuse(workspace).batch
    done = again(workspace, batch[:6])
    assert (done.outcome, workspace.curated.version()) == ("quarantined", None)
    assert [refused.reasons for refused in find_refused(workspace)] == [done.reasons]


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_lie_at_their_key_no_more_come_from_the_quarantine(
    kind: Kind, tmp_path: Path
) -> None:
    workspace = bench(kind, tmp_path)
    batch = refuse(workspace, kind).batch
    incoming = Entrance(kind, workspace.layout).incoming
    workspace.bucket.put(f"{incoming}april.csv", HEADER.encode() + row(1).encode())
    key = call_back(workspace, pick_refused(workspace, "april.csv"))
    assert key == f"{incoming}{batch[:12]}/april.csv"
    done = land(opened(workspace, kind), key, lambda _: None, again=True)
    assert done.batch == batch


def test_a_file_of_labels_is_judged_anew_as_well(tmp_path: Path) -> None:
    workspace = bench("labels", tmp_path)
    refuse(workspace, "labels")
    (refused,) = find_refused(workspace)
    assert (refused.kind, refused.object) == ("labels", "toy/labels/incoming/april.csv")
    assert again(workspace, "april.csv", "labels").outcome == "quarantined"
    assert labels_table(workspace.bucket, "toy").version() is None


def test_one_that_failed_by_itself_has_three_tries_again(tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path)
    key = drop(workspace, "april.csv", csv(20))
    for _ in range(3):
        done = try_landing(stumbling(opened(workspace, "rows")), key, lambda _: None)
    assert isinstance(done, Landed)
    tell_ledger(workspace, done, key)
    entrance = Entrance("rows", workspace.layout)
    assert find_troubles(workspace, entrance) == Troubles(0, 1)
    assert again(workspace, "april.csv").outcome == "accepted"
    assert find_troubles(workspace, entrance) == Troubles(0, 0)
    assert find_refused(workspace) == ()


def test_a_name_that_two_bear_is_asked_for_by_id(tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path)
    first = refuse(workspace)
    key = drop(workspace, "later/april.csv", BAD + row(100, ward="nowhere").encode())
    second = landed(workspace, key)
    with pytest.raises(Refused, match="2 batches in quarantine are named"):
        pick_refused(workspace, "april.csv")
    assert pick_refused(workspace, second.batch).object == key
    assert first.batch != second.batch
