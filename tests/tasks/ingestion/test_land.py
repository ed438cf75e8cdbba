"""Landings that meet: the same object at once, others that share its keys, and one between."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tasks.ingestion.entrance import KINDS, Kind
from tasks.ingestion.land import land
from tasks.workspace import Workspace
from tests.tasks.ingestion.desk import bench
from tests.tasks.ingestion.landing import drop, label_file, landed, opened, state
from tests.tasks.ingestion.scenes import csv, row
from tests.tasks.ingestion.stumbling import Meeting


def content(kind: Kind, number: int) -> bytes:
    """Return a file that shares its keys with those of other numbers, but for one."""
    if kind == "rows":
        return (csv(10) + row(100 + number)).encode()
    return label_file(("v1", 1, 1), ("x", number, 1))


def held(workspace: Workspace, kind: Kind) -> list[Any]:
    """Return the keys that the table holds."""
    left = state(workspace)
    return [line[0] for line in left.rows] if kind == "rows" else [line[:2] for line in left.labels]


def check_report_of_the_second(workspace: Workspace, kind: Kind, batch: str) -> None:
    """Check that it was judged against a first file, with which it shares its keys but for one."""
    topic = "validation" if kind == "rows" else "labels"
    told = json.loads(workspace.bucket.get(workspace.layout.report(topic, f"{batch}.json")))
    if kind == "rows":
        assert (told["kept"], told["cleaning"]["duplicates_known"]) == (1, 10)
    else:
        assert (told["version"], told["counts"]["duplicate"]) == (2, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_object_twice_at_once_lands_once(kind: Kind, tmp_path: Path) -> None:
    workspace = bench(kind, tmp_path)
    key = drop(workspace, "a.csv", content(kind, 1), kind)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: landed(workspace, key, kind), range(3)))
    assert sorted(landing.outcome for landing in done) == ["accepted", "already", "already"]
    keys = held(workspace, kind)
    assert len(keys) == len(set(keys)) == (11 if kind == "rows" else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_different_files_that_share_keys_leave_each_key_once(kind: Kind, tmp_path: Path) -> None:
    workspace = bench(kind, tmp_path)
    keys = [drop(workspace, f"{n}.csv", content(kind, n), kind) for n in range(3)]
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda key: landed(workspace, key, kind), keys))
    assert {landing.outcome for landing in done} == {"accepted"}
    found = held(workspace, kind)
    assert len(found) == len(set(found)) == (13 if kind == "rows" else 4)
    if kind == "rows":
        assert sum(landing.rows for landing in done) == 13
    else:
        counts = [landing.counts for landing in done if landing.counts is not None]
        assert (sum(told.new for told in counts), sum(told.duplicate for told in counts)) == (1, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_another_commit_between_judging_and_landing_is_judged_against(
    kind: Kind, tmp_path: Path
) -> None:
    workspace = bench(kind, tmp_path)
    first = drop(workspace, "a.csv", content(kind, 1), kind)
    second = drop(workspace, "b.csv", content(kind, 2), kind)
    said: list[str] = []
    meeting = Meeting(opened(workspace, kind), lambda: landed(workspace, second, kind))
    done = land(meeting, first, said.append)
    assert "another commit was first: judging again" in said
    assert (done.outcome, done.version) == ("accepted", 2)
    found = held(workspace, kind)
    assert len(found) == len(set(found)) == (12 if kind == "rows" else 3)
    check_report_of_the_second(workspace, kind, done.batch)


@pytest.mark.parametrize("kind", KINDS)
def test_who_loses_a_race_for_one_object_leaves_the_winners_report(
    kind: Kind, tmp_path: Path
) -> None:
    """The winner lands after another batch with its keys: the loser had judged before both."""
    workspace = bench(kind, tmp_path)
    key = drop(workspace, "a.csv", content(kind, 1), kind)
    other = drop(workspace, "b.csv", content(kind, 2), kind)

    def overtake() -> None:
        landed(workspace, other, kind)
        assert landed(workspace, key, kind).outcome == "accepted"

    done = land(Meeting(opened(workspace, kind), overtake), key, lambda _: None)
    assert (done.outcome, done.version) == ("already", 2)
    check_report_of_the_second(workspace, kind, done.batch)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_that_lands_while_it_is_refused_elsewhere_leaves_quarantine(
    kind: Kind, tmp_path: Path
) -> None:
    """As with two releases of a suite: one refuses what the other accepts."""
    workspace = bench(kind, tmp_path)
    key = drop(workspace, "a.csv", content(kind, 1), kind)
    batch = landed(workspace, key, kind).batch
    stray = opened(workspace, kind).entrance.quarantine(batch) + "a.csv"
    workspace.bucket.put(stray, b"what a process left that refused it")
    for receipt in list(workspace.bucket.list(opened(workspace, kind).entrance.receipts)):
        workspace.bucket.delete(receipt.key)
    assert landed(workspace, key, kind).outcome == "already"
    assert workspace.bucket.head(stray) is None
