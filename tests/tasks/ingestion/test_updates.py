"""Rows whose key came before: never dropped in silence, and what is superseded stays as history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.data.curated import training_rows
from tasks.data.reference import DatasetRef
from tasks.data.standing import scan_standing
from tasks.ingestion.land import land
from tasks.ingestion.landing import Landed
from tasks.workspace import Workspace
from tests.tasks.ingestion.landing import drop, landed, local_workspace, opened, state
from tests.tasks.ingestion.scenes import HEADER, csv, people, row
from tests.tasks.ingestion.stumbling import Meeting


def bench(folder: Path, **data: Any) -> Workspace:
    workspace = local_workspace(folder, people(**data))
    landed(workspace, drop(workspace, "first.csv", HEADER + row(1) + row(2, stays="") + row(3)))
    return workspace


def send(workspace: Workspace, *lines: str, name: str = "again.csv") -> Landed:
    return landed(workspace, drop(workspace, name, HEADER + "".join(lines)))


def learned(
    workspace: Workspace, version: int, without: tuple[str, ...] = ()
) -> dict[str, tuple[Any, ...]]:
    """Return cost and target by key, as a training at that version reads them."""
    ref = DatasetRef(workspace.name, version)
    rows = training_rows(workspace.curated, ref, "at", key=["visit"], without=without)
    told = rows.astype(object).where(rows.notna(), None)
    return {line["visit"]: (line["cost"], line["stays"]) for line in told.to_dict("records")}


def test_a_changed_row_holds_the_batch_and_says_what_lets_it_through(tmp_path: Path) -> None:
    workspace = bench(tmp_path)
    done = send(workspace, row(3, cost="9.75", name="Somebody Else"), row(4))
    (why,) = done.reasons
    assert done.outcome == "quarantined"
    assert why == (
        "changed rows (visit): 1 row with a key that is known with other content, such as "
        "visit v3: name differs; cost was 3.5, is 9.75. Let the newer row count with "
        "`data: {updates: newest}`, or keep both with `data: {updates: append}`; if the key does "
        "not identify a row, correct `key:`. Row 1."
    )
    assert len(state(workspace).rows) == 3


def test_inside_one_file_too(tmp_path: Path) -> None:
    done = send(local_workspace(tmp_path, people()), row(1, ward="A"), row(2), row(1, ward="B"))
    assert done.outcome == "quarantined"
    assert "visit v1: ward was A, is B" in done.reasons[0]
    assert done.reasons[0].endswith("Row 3.")


def test_a_personal_key_is_not_shown(tmp_path: Path) -> None:
    workspace = bench(tmp_path, personal=["visit", "cost"])
    done = send(workspace, row(3, cost="9.75"))
    assert "such as visit …: cost differs." in done.reasons[0]
    assert "v3" not in done.reasons[0]


def test_the_newer_row_is_learned_from_and_each_version_still_gives_its_rows(
    tmp_path: Path,
) -> None:
    workspace = bench(tmp_path, updates="newest")
    second = send(workspace, row(3, cost="9.75"), row(5), row(1))
    assert second.report is not None
    assert (second.outcome, second.rows) == ("accepted", 2)
    assert second.report.told == (
        "3 rows: 1 new, 1 repeated, 1 changed (visit v3: cost was 3.5, is 9.75)"
    )
    third = send(workspace, row(3, cost="1.25"), row(3, cost="2.25"), name="third.csv")
    assert third.report is not None
    assert (third.rows, third.report.cleaning.changed_in_batch) == (1, 1)
    costs = {version: learned(workspace, version)["v3"][0] for version in (1, 2, 3)}
    assert costs == {1: 3.5, 2: 9.75, 3: 2.25}
    assert len(state(workspace).rows) == 6, "the history stays"
    assert len(learned(workspace, 3)) == 4
    # a batch that is left out corrects nothing
    assert learned(workspace, 3, without=(third.batch,))["v3"][0] == 9.75
    # who has the row as it stands sends a repetition, not what was superseded
    assert send(workspace, row(3, cost="2.25"), name="fourth.csv").rows == 0
    back = send(workspace, row(3, cost="3.5"), name="fifth.csv")
    assert back.rows == 1
    assert learned(workspace, back.version or 0)["v3"][0] == 3.5


def test_the_file_may_change_its_mind_without_changing_what_a_version_says(
    tmp_path: Path,
) -> None:
    workspace = bench(tmp_path, updates="append")
    both = send(workspace, row(3, cost="9.75"), row(3, cost="1.5"), row(1))
    assert (both.outcome, both.rows) == ("accepted", 2)
    rows = scan_standing(workspace.curated, ["visit"]).collect()
    assert rows.filter(visit="v3")["cost"].sort().to_list() == [1.5, 3.5, 9.75]
    later = local_workspace(tmp_path, people(updates="newest"))
    send(later, row(3, cost="2.75"), name="later.csv")
    rows = scan_standing(later.curated, ["visit"]).collect()
    assert rows.filter(visit="v3")["cost"].to_list() == [2.75]
    rows = scan_standing(later.curated, ["visit"], version=both.version).collect()
    assert len(rows.filter(visit="v3")) == 3


@pytest.mark.parametrize("updates", ["refuse", "newest"])
def test_a_row_that_now_has_its_target_takes_it(updates: str, tmp_path: Path) -> None:
    workspace = bench(tmp_path, updates=updates)
    assert learned(workspace, 1)["v2"] == (2.5, None)
    done = send(workspace, row(1), row(2, stays="1"), row(3, stays=""))
    assert done.report is not None
    assert (done.outcome, done.rows) == ("accepted", 1)
    assert done.report.told == "3 rows: 0 new, 2 repeated, 1 that now has its target"
    assert learned(workspace, 2)["v2"] == (2.5, 1)
    assert learned(workspace, 1)["v2"] == (2.5, None)
    again = send(workspace, row(2, stays="1"), name="once-more.csv")
    assert again.rows == 0
    # another target than the one that is known is a change
    wrong = send(workspace, row(2, stays="0"), name="wrong.csv")
    assert wrong.stands == ("quarantined" if updates == "refuse" else "accepted")


@pytest.mark.parametrize("targets", [("", "0"), ("0", "")])
def test_of_two_files_the_copy_with_a_target_stays_where_others_are_dropped(
    targets: tuple[str, str], tmp_path: Path
) -> None:
    workspace = local_workspace(tmp_path, people(missing_target="drop"))
    for place, target in enumerate(targets):
        lines = [row(9, stays=target), row(10 + place)]
        assert send(workspace, *lines, name=f"{place}.csv").outcome == "accepted"
    version = workspace.curated.version()
    assert version is not None
    assert learned(workspace, version)["v9"][1] == 0


def test_a_batch_without_a_new_row_says_so_in_the_same_line(tmp_path: Path) -> None:
    workspace = bench(tmp_path)
    done = send(workspace, row(3), row(1))
    assert done.report is not None
    assert (done.outcome, done.rows) == ("accepted", 0)
    assert done.report.told == "2 rows: 0 new, 2 repeated; nothing new to learn from"
    place = workspace.layout.report("validation", f"{done.batch}.json")
    assert json.loads(workspace.bucket.get(place))["cleaning"]["duplicates_known"] == 2


def test_a_correction_that_meets_another_is_judged_against_it(tmp_path: Path) -> None:
    """Both correct one row; whoever lands second corrects what the first left."""
    workspace = bench(tmp_path, updates="newest")
    first = drop(workspace, "a.csv", HEADER + row(3, cost="9.75"))
    second = drop(workspace, "b.csv", HEADER + row(3, cost="8.75"))
    meeting = Meeting(opened(workspace, "rows"), lambda: landed(workspace, second))
    done = land(meeting, first, lambda _: None)
    assert done.report is not None
    assert done.report.cleaning.example == "visit v3: cost was 8.75, is 9.75"
    assert learned(workspace, 3)["v3"][0] == 9.75
    assert learned(workspace, 2)["v3"][0] == 8.75
    assert landed(workspace, first).outcome == "already"
    assert len(state(workspace).rows) == 5


def test_a_refusal_that_follows_from_a_race_is_one(tmp_path: Path) -> None:
    workspace = bench(tmp_path)
    first = drop(workspace, "a.csv", HEADER + row(7, cost="1.5"))
    second = drop(workspace, "b.csv", HEADER + row(7, cost="2.5"))
    meeting = Meeting(opened(workspace, "rows"), lambda: landed(workspace, second))
    done = land(meeting, first, lambda _: None)
    assert done.outcome == "quarantined"
    assert "cost was 2.5, is 1.5" in done.reasons[0]


def test_keys_that_differ_by_zeros_are_two(tmp_path: Path) -> None:
    workspace = local_workspace(tmp_path, people())
    done = send(workspace, row(1, visit="007"), row(1, visit="7"))
    assert (done.outcome, done.rows) == ("accepted", 2)


def test_a_padded_key_is_not_read_as_another_one(tmp_path: Path) -> None:
    workspace = local_workspace(tmp_path, people(suite="tests.suites.open_columns"))
    first = send(workspace, row(1, visit="7"), row(2, visit="8"))
    assert (first.outcome, first.rows) == ("accepted", 2)
    held = send(workspace, row(3, visit="9"), row(1, visit="007"))
    (why,) = held.reasons
    assert why.startswith("kind (visit): 1 value does not read as whole numbers. A key with zeros")
    assert why.endswith("Row 2.")
    # in a quantity they are one
    assert send(workspace, row(3, visit="9", age="023")).outcome == "accepted"


def test_many_rows_with_few_keys_are_compared_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.validation import cleaning, keys

    # Bounds, not behaviours: they make few rows take the way of very many.
    monkeypatch.setattr(keys, "PARTITION", 40)
    monkeypatch.setattr(cleaning, "KEYS_AT_ONCE", 50)
    workspace = local_workspace(tmp_path, people(updates="newest"))
    first = landed(workspace, drop(workspace, "a.csv", csv(300)))
    lines = [row(number % 150, cost=f"{number // 150}.25") for number in range(300)]
    second = send(workspace, *lines)
    assert (first.rows, second.rows) == (300, 150)
    assert {learned(workspace, 2)[f"v{number}"][0] for number in range(150)} == {1.25}
    assert len(learned(workspace, 2)) == 300
