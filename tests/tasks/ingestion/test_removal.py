"""A batch that a person took out is in no training, no decision and no key that is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import great_expectations.expectations as gxe
import pytest

from tasks.errors import Refused
from tasks.ingestion.land import land
from tasks.ingestion.removal import (
    HeldBatch,
    find_held,
    learned_by_champion,
    pick_held,
    remove_batch,
)
from tasks.ingestion.rows import open_rows
from tasks.labels.table import labels_table, load_labels
from tasks.monitoring.arrivals import find_arrivals
from tasks.monitoring.past import observations
from tests import life
from tests.tasks.ingestion.desk import bench
from tests.tasks.ingestion.landing import drop, label_file, landed, state
from tests.tasks.ingestion.scenes import csv
from tests.tasks.ingestion.stumbling import Meeting
from tests.tasks.monitoring.house import House


def test_its_rows_leave_the_newest_version_and_stay_in_the_earlier(tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path)
    table = workspace.curated
    for name, content in (("a.csv", csv(20)), ("b.csv", csv(30))):
        assert landed(workspace, drop(workspace, name, content)).outcome == "accepted"
    assert len(table.read()) == 30, "twenty of the thirty were known"
    before = table.version()
    held = pick_held(workspace, "b.csv")
    assert (held.kind, held.rows, held.removed) == ("rows", 10, False)
    entry = remove_batch(workspace, held, "ada", "another coding")
    assert entry.summary == "b.csv is taken out, 10 rows, and counts in no decision: another coding"
    assert len(table.read()) == 20
    assert len(table.read(version=before)) == 30
    assert [arrival.object for arrival in find_arrivals(workspace)] == ["toy/incoming/a.csv"]
    removal = table.history()[-1]
    assert (removal.metadata["removed"], removal.metadata["by"]) == (held.batch, "ada")


def test_the_same_bytes_stay_out_and_a_corrected_file_comes_in(tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path)
    key = drop(workspace, "a.csv", csv(20))
    landed(workspace, key)
    remove_batch(workspace, pick_held(workspace, "a.csv"), "ada", "slip")
    again = landed(workspace, drop(workspace, "other/a.csv", csv(20)))
    assert (again.outcome, again.stands) == ("removed", "removed")
    assert again.reasons == ("A person took it out. Send its rows in a corrected file.",)
    assert len(workspace.curated.read()) == 0
    corrected = landed(workspace, drop(workspace, "b.csv", csv(20, age="33")))
    assert (corrected.outcome, corrected.rows) == ("accepted", 20)


def test_one_that_is_refused_here_while_it_lands_and_goes_elsewhere_is_out(tmp_path: Path) -> None:
    """As with two releases of a suite, and a person who was quick."""
    workspace = bench("rows", tmp_path)
    key, rows = drop(workspace, "a.csv", csv(20)), open_rows(workspace)
    more = gxe.ExpectTableRowCountToBeBetween(min_value=1000)
    strict = replace(rows, suite=replace(rows.suite, expectations=(more,)))

    def come_and_go() -> None:
        landed(workspace, key)
        remove_batch(workspace, pick_held(workspace, "a.csv"), "ada", "slip")

    done = land(Meeting(strict, come_and_go), key, lambda _: None)
    assert (done.outcome, done.stands, done.version) == ("removed", "removed", 1)


def test_twice_is_once_and_what_is_not_there_is_listed(tmp_path: Path) -> None:
    workspace = bench("rows", tmp_path)
    landed(workspace, drop(workspace, "a.csv", csv(20)))
    held = pick_held(workspace, "a.csv")
    remove_batch(workspace, held, "ada", "slip")
    left = state(workspace)
    remove_batch(workspace, held, "ada", "slip")
    assert state(workspace) == left
    assert len(workspace.ledger.entries("removal")) == 1
    with pytest.raises(Refused, match=r"a\.csv is taken out already"):
        pick_held(workspace, "a.csv")
    landed(workspace, drop(workspace, "b.csv", csv(25)))
    told = r"0 batches are named c\.csv\. Did you mean b\.csv\? The newest: .*\(b\.csv\)"
    with pytest.raises(Refused, match=told):
        pick_held(workspace, "c.csv")


def test_a_file_of_labels_goes_and_its_correction_counts_as_new(tmp_path: Path) -> None:
    workspace = bench("labels", tmp_path)
    wrong = label_file(("v1", 1, 0), ("v1", 2, 0))
    assert landed(workspace, drop(workspace, "wrong.csv", wrong, "labels"), "labels").counts
    held = pick_held(workspace, "wrong.csv")
    assert (held.kind, held.rows) == ("labels", 2)
    remove_batch(workspace, held, "ada", "swapped")
    table = labels_table(workspace.bucket, "toy")
    assert len(load_labels(workspace.bucket, workspace.pipeline, table.version())) == 0
    right = drop(workspace, "right.csv", label_file(("v1", 1, 1), ("v1", 2, 1)), "labels")
    counts = landed(workspace, right, "labels").counts
    assert counts is not None
    assert (counts.new, counts.contradicting) == (2, 0)


def test_a_training_goes_on_as_if_it_had_never_come(tmp_path: Path) -> None:
    house = House(tmp_path, {"gate": {"min_gain": -1, "max_slice_loss": 1}})
    workspace = house.workspace
    house.live_a_while(life.toy_rows(600))
    # A file whose target is coded otherwise: every training after it fails, and nothing helps.
    coded = life.toy_rows(200, start=600).assign(high=lambda rows: rows["high"] + 7)
    batch = house.arrive("coded", coded)
    house.monitor()
    held = pick_held(workspace, batch)
    assert learned_by_champion(workspace, held) is None
    assert batch in {seen.batch for seen in observations(house.entries)}
    remove_batch(workspace, held, "ada", "coded 7 and 8")
    assert batch not in {seen.batch for seen in observations(house.entries)}
    assert house.monitor() == []
    house.arrive("good", life.toy_rows(300, start=900))
    (decided,) = house.monitor()
    assert decided.seen is not None
    assert house.train().outcome == "promoted"
    first = find_held(workspace)[0]
    assert learned_by_champion(workspace, first) == 2
    assert learned_by_champion(workspace, HeldBatch("rows", batch, "", 1, 99)) is None
