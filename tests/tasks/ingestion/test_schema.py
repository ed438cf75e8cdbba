"""A world that changes its schema: what is accepted, what is held, and how a person accepts it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
import pytest

from tasks.config import Pipeline
from tasks.data.curated import training_rows
from tasks.data.reference import DatasetRef
from tasks.errors import ConfigurationError, Refused
from tasks.ingestion.land import land
from tasks.ingestion.landing import Landed
from tasks.ingestion.retry import call_back
from tasks.ingestion.rows import open_rows
from tasks.ingestion.schema import accept_changes, read_contract
from tasks.training.pinning import pin_run
from tasks.training.work import Work
from tasks.workspace import Workspace
from tests import life
from tests.tasks.ingestion.landing import drop, landed, local_workspace


def shop(**changes: Any) -> Pipeline:
    """Return a pipeline whose columns the first batch settles."""
    given = {
        "name": "shop",
        "task": "multiclass",
        "target": "kind",
        "event_time": "at",
        "key": ["order"],
        "data": {"suite": "tests.suites.open_columns"},
    }
    return Pipeline.model_validate({**given, **changes})


def sales(start: int = 0, count: int = 6, **columns: Any) -> pd.DataFrame:
    """Return orders numbered from `start`; a column is replaced, added, or left out as None."""
    numbers = range(start, start + count)
    made = {
        "order": [f"A-{number:03d}" for number in numbers],
        "at": pd.date_range("2024-03-01", periods=count, freq="h") + pd.Timedelta(hours=start),
        "amount": [7 + number for number in numbers],
        "city": ["Oslo", "Rome", "Bonn"] * (count // 3),
        "kind": ["gift", "own", "gift"] * (count // 3),
        **columns,
    }
    return pd.DataFrame({name: values for name, values in made.items() if values is not None})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = local_workspace(tmp_path, shop())
    assert send(workspace, sales()).outcome == "accepted"
    return workspace


def send(workspace: Workspace, rows: pd.DataFrame, name: str | None = None) -> Landed:
    name = name or f"{rows['order'].iloc[0] if 'order' in rows else 'rows'}.csv"
    return landed(workspace, drop(workspace, name, rows.to_csv(index=False)))


def accept(workspace: Workspace, held: Landed, *numbers: int) -> Landed:
    """Do what `perennial schema NAME --accept BATCH` does, with `--class` for each number."""
    refused, _ = accept_changes(workspace, held.batch[:12], "ada", numbers)
    return land(open_rows(workspace), call_back(workspace, refused), lambda _: None, again=True)


def read(workspace: Workspace, version: int) -> pd.DataFrame:
    ref = DatasetRef(workspace.name, version)
    return training_rows(workspace.curated, ref, "at", key=["order"])


def test_a_new_column_is_held_and_once_accepted_older_rows_are_missing_it(
    workspace: Workspace,
) -> None:
    held = send(workspace, sales(6, rating=[0.5] * 6))
    assert held.reasons == (
        "unexpected column (rating): The contract has no such column. Drop it, or add it to the "
        "contract.",
        f"Accept the change with `perennial schema shop --accept {held.batch[:12]}`: rating is a "
        "new column (number); older rows are missing it.",
    )
    (waiting,) = read_contract(workspace).waiting
    assert (waiting.batch, waiting.changes.added) == (held.batch, {"rating": "number"})
    done = accept(workspace, held)
    assert done.report is not None
    assert (done.outcome, done.report.told) == ("accepted", "6 rows: 6 new; new columns: rating")
    rows = read(workspace, done.version or 0)
    assert rows["rating"].tolist()[6:] == [0.5] * 6
    assert rows["rating"].isna().tolist()[:6] == [True] * 6
    assert "rating" not in read(workspace, 1), "an older version has the columns it had"
    contract = read_contract(workspace)
    assert (contract.columns["rating"], contract.waiting) == ("number", ())
    # from now on it is one of the columns, which the next batch may not leave out in silence
    later = send(workspace, sales(12, rating=[0.75] * 6))
    assert (later.outcome, later.rows) == ("accepted", 6)
    assert send(workspace, sales(18)).outcome == "quarantined"


def test_a_batch_without_the_target_is_told_the_setting_that_lets_it_in(
    workspace: Workspace,
) -> None:
    held = send(workspace, sales(6, kind=None))
    assert held.reasons[0] == (
        "missing column (kind): The batch has no such column. It is the target: where it comes "
        "later, set monitoring.labels: delayed."
    )
    held = send(workspace, sales(6, kind=[None] * 6), "empty.csv")
    assert held.reasons == (
        "required column (kind): No row has a value. It is the target: where it comes later, set "
        "monitoring.labels: delayed.",
    )
    late = replace(workspace, pipeline=shop(monitoring={"labels": "delayed"}))
    assert send(late, sales(12, kind=None)).outcome == "accepted"
    assert send(late, sales(18, kind=[None] * 6)).outcome == "accepted"


def test_a_lost_column_is_held_and_once_accepted_may_stay_away(workspace: Workspace) -> None:
    held = send(workspace, sales(6, city=None))
    assert held.reasons[0] == "missing column (city): The batch has no such column."
    done = accept(workspace, held)
    assert (done.outcome, done.rows) == ("accepted", 6)
    assert read(workspace, done.version or 0)["city"].isna().sum() == 6
    assert send(workspace, sales(12, city=None)).outcome == "accepted"
    assert send(workspace, sales(18)).outcome == "accepted"


def test_what_the_suite_expects_of_a_column_that_may_stay_away_is_asked_of_batches_that_have_it(
    tmp_path: Path,
) -> None:
    workspace = life.toy_workspace(tmp_path)
    life.ingest(workspace, "a.csv", life.toy_rows(100))
    first = open_rows(workspace)
    expects = (
        gxe.ExpectColumnValuesToNotBeNull(column="colour", mostly=0.95),
        gxe.ExpectColumnMaxToBeBetween(column="size", max_value=1000),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="at", column_B="colour", mostly=0),
        *first.suite.expectations,
    )
    strict = replace(first, suite=replace(first.suite, expectations=expects))
    rows = life.toy_rows(50, start=100)
    bare = rows.drop(columns=["colour", "size"]).to_csv(index=False)
    held = land(strict, drop(workspace, "bare.csv", bare), lambda _: None)
    refused, _ = accept_changes(workspace, held.batch[:12], "ada")
    agreed = replace(open_rows(workspace), suite=strict.suite)
    key = call_back(workspace, refused)
    done = land(agreed, key, lambda _: None, again=True)
    assert (done.outcome, done.rows) == ("accepted", 50)
    assert done.report is not None
    assert {check.column for check in done.report.checks} == {"id", "high"}
    # a column that is there is held to all of it, also where no value is
    empty = life.toy_rows(50, start=200).assign(colour=None).to_csv(index=False)
    held = land(agreed, drop(workspace, "empty.csv", empty), lambda _: None)
    assert "column values to not be null (colour): 50 of 50" in held.reasons[0]


def test_a_renamed_column_is_told_as_such(workspace: Workspace) -> None:
    held = send(workspace, sales(6, amount=None, amount_eur=[1, 2, 3, 4, 5, 6]))
    assert "Was it renamed to amount_eur?" in held.reasons[0]
    done = accept(workspace, held)
    rows = read(workspace, done.version or 0)
    assert rows["amount"].isna().sum() == rows["amount_eur"].isna().sum() == 6


@pytest.mark.parametrize("column", ["order", "at", "kind"])
def test_what_the_pipeline_needs_cannot_be_given_up(workspace: Workspace, column: str) -> None:
    held = send(workspace, sales(6, **{column: None, "more": [1] * 6}), "without.csv")
    assert held.outcome == "quarantined"
    with pytest.raises(Refused, match=f"missing column \\({column}\\)"):
        accept_changes(workspace, held.batch, "ada")
    assert read_contract(workspace).waiting == ()


def test_whole_numbers_become_numbers_once_that_is_accepted(workspace: Workspace) -> None:
    held = send(workspace, sales(6, amount=[1, 2, 3, 4, 5, 12.5]))
    assert held.reasons[0] == "kind (amount): 1 value does not read as whole numbers. Row 6."
    assert "amount holds numbers instead of whole numbers" in held.reasons[1]
    done = accept(workspace, held)
    assert (done.outcome, done.rows) == ("accepted", 6)
    after = read(workspace, done.version or 0)
    assert after["amount"].tolist() == [7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 12.5]
    assert list(after.columns) == list(read(workspace, 1).columns)
    assert read(workspace, 1)["amount"].dtype == "int64"
    assert read_contract(workspace).columns["amount"] == "number"
    later = send(workspace, sales(12, amount=[0.25] * 6))
    assert (later.outcome, later.rows) == ("accepted", 6)
    assert read(workspace, later.version or 0)["amount"].sum() == 57 + 27.5 + 1.5
    # a row that is sent again is compared with what it was, not with what it was stored as
    again = send(workspace, pd.concat([sales(0, 3), sales(18, 3)]), "again.csv")
    assert (again.outcome, again.rows) == ("accepted", 3)


def test_words_among_numbers_are_no_wider_type(workspace: Workspace) -> None:
    held = send(workspace, sales(6, amount=[1, 2, 3, 4, 5, "many"]))
    assert len(held.reasons) == 1
    assert read_contract(workspace).waiting == ()


def test_a_column_without_any_value_is_open_until_the_first_one(tmp_path: Path) -> None:
    workspace = local_workspace(tmp_path, shop())
    send(workspace, sales(promo=[None] * 6, note=[None] * 6))
    contract = read_contract(workspace)
    assert contract.open == ("note", "promo")
    assert "promo" not in contract.columns
    assert send(workspace, sales(6)).outcome == "accepted", "it may stay away"
    done = send(workspace, sales(12, promo=[0.25] * 6, note=[None] * 6))
    assert done.report is not None
    assert (done.outcome, done.report.gained) == ("accepted", ("promo",))
    assert read_contract(workspace).open == ("note",)
    rows = read(workspace, done.version or 0)
    assert rows["promo"].dtype == "float64"
    assert rows["promo"].notna().sum() == 6
    assert send(workspace, sales(18, promo=["now a word"] * 6)).outcome == "quarantined"


def test_a_new_category_of_a_feature_is_no_change(workspace: Workspace) -> None:
    assert send(workspace, sales(6, city=["Lima"] * 6)).outcome == "accepted"


def test_a_class_that_appears_is_accepted_and_told(workspace: Workspace) -> None:
    done = send(workspace, sales(6, kind=["gift", "own", "rent"] * 2))
    assert done.report is not None
    assert done.outcome == "accepted"
    assert done.report.told == "6 rows: 6 new; classes that appear: rent"
    assert read_contract(workspace).classes == ("gift", "own", "rent")


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (["gift", "own", "Gift."], "Gift. is no known class; the nearest known spelling is gift"),
        (["gift", "own", " OWN"], "OWN is no known class; the nearest known spelling is own"),
        ([0, 1, 0], "0, 1 are no known class; known: gift, own."),
    ],
)
def test_another_spelling_or_coding_is_held(
    workspace: Workspace, kinds: list[Any], said: str
) -> None:
    held = send(workspace, sales(6, kind=kinds * 2))
    assert held.outcome == "quarantined"
    assert said in held.reasons[0]
    done = accept(workspace, held)
    assert (done.outcome, done.rows) == ("accepted", 6)


def test_a_third_class_of_a_binary_target_is_held_and_nobody_can_accept_it(
    tmp_path: Path,
) -> None:
    workspace = local_workspace(tmp_path, shop(task="binary"))
    first = send(workspace, sales(kind=["Yes", "No", "Maybe"] * 2))
    assert "A binary target has two classes; the batch has Yes, No, Maybe." in first.reasons[0]
    assert send(workspace, sales(kind=["Yes", "No"] * 3)).outcome == "accepted"
    held = send(workspace, sales(6, kind=[1, 0] * 3))
    (why,) = held.reasons
    assert "1, 0 are no known class; known: No, Yes. If there are more than two" in why
    with pytest.raises(Refused, match="perennial retry shop"):
        accept_changes(workspace, held.batch, "ada")


def test_known_words_in_another_spelling_are_no_third_class_of_a_binary_target(
    tmp_path: Path,
) -> None:
    workspace = local_workspace(tmp_path, shop(task="binary"))
    send(workspace, sales(kind=["ja", "nein"] * 3))
    held = send(workspace, sales(6, kind=["Ja", "Nein"] * 3))
    assert held.reasons[0].endswith("spelling is ja, nein (known: ja, nein). Rows 1, 2.")
    with pytest.raises(Refused) as refusal:
        accept_changes(workspace, held.batch, "ada")
    said = str(refusal.value)
    assert f"`perennial retry shop {held.batch[:12]}`" in said
    assert "Rows 1, 2. Nothing of it can be accepted: send a mended file" in said
    mixed = send(workspace, sales(12, kind=["Ja", "nein", "maybe"] * 2))
    assert "set `task: multiclass`" in mixed.reasons[0]


def test_a_personal_target_is_told_without_its_values(tmp_path: Path) -> None:
    personal = {"suite": "tests.suites.open_columns", "personal": ["kind"]}
    workspace = local_workspace(tmp_path, shop(data=personal))
    send(workspace, sales())
    held = send(workspace, sales(6, kind=["gift", "own", "GIFT"] * 2))
    assert "GIFT" not in " ".join(held.reasons)
    assert read_contract(workspace).classes == ()


def test_classes_that_read_as_a_persons_are_accepted_by_their_numbers(tmp_path: Path) -> None:
    personal = {"suite": "tests.suites.open_columns", "personal": ["city"]}
    workspace = local_workspace(tmp_path, shop(data=personal))
    send(workspace, sales())
    plans = ["030 901 820", "030 901 821"]
    held = send(workspace, sales(6, kind=[plans[0], *plans * 2, plans[0]]))
    assert "901" not in " ".join(held.reasons)
    assert held.reasons[-1].endswith(
        "the class of row 1, not shown as it reads like data of a person, is one of its own: "
        "--class 1; the class of row 3, not shown as it reads like data of a person, is one of its "
        "own: --class 2."
    )
    for numbers in ((), (3,), (1, 0)):
        with pytest.raises(ConfigurationError, match=r"rows 1, 3; look there, then name 1 to 2"):
            accept(workspace, held, *numbers)
    done = accept(workspace, held, 2, 1)
    assert (done.outcome, done.rows) == ("accepted", 6)
    assert set(read_contract(workspace).accepted.classes) == set(plans)
    with pytest.raises(Refused):
        accept(workspace, held, 1)


def test_what_was_accepted_twice_is_recorded_once(workspace: Workspace) -> None:
    held = send(workspace, sales(6, rating=[0.5] * 6))
    for _ in range(2):
        accept_changes(workspace, held.batch, "ada")
    (entry,) = workspace.ledger.entries("schema")
    assert entry.summary.startswith("A-006.csv: rating is a new column (number)")


def test_the_suite_that_a_person_edits_is_a_change_of_the_contract_too(tmp_path: Path) -> None:
    workspace = life.toy_workspace(tmp_path)
    life.ingest(workspace, "a.csv", life.toy_rows(100))
    first = open_rows(workspace)
    columns = {**(first.suite.columns or {}), "wind": "number"}
    del columns["colour"]
    edited = replace(first, suite=replace(first.suite, columns=columns))  # type: ignore[arg-type]
    rows = life.toy_rows(50, start=100).drop(columns="colour").assign(wind=0.5)
    key = drop(workspace, "b.csv", rows.to_csv(index=False))
    done = land(edited, key, lambda _: None)
    assert done.report is not None
    assert done.report.told == "50 rows: 50 new; new columns: wind"
    assert workspace.curated.read(["colour", "wind"]).column("colour").null_count == 50


def test_a_champion_goes_on_where_rows_are_corrected_and_columns_come(tmp_path: Path) -> None:
    """After training comes a correction with a new column: it is watched, and learned from."""
    workspace = life.toy_workspace(tmp_path, data={"updates": "newest"})
    rows = life.toy_rows(600)
    life.ingest(workspace, "a.csv", rows)
    assert life.train(workspace, told=False).outcome == "promoted"
    first = open_rows(workspace)
    columns = {**(first.suite.columns or {}), "wind": "number"}
    edited = replace(first, suite=replace(first.suite, columns=columns))
    fixed = rows.tail(40).fillna({"size": 0.0})
    fixed = fixed.assign(size=fixed["size"] + 0.25, wind=0.5)
    more = pd.concat([fixed, life.toy_rows(300, start=600).assign(wind=1.5)])
    key = drop(workspace, "b.csv", more.to_csv(index=False))
    done = land(edited, key, lambda _: None)
    assert done.report is not None
    assert (done.rows, done.report.cleaning.changed) == (340, 40)
    assert all(decided.seen is not None for decided in life.monitor(workspace)[1:])
    plan = pin_run(workspace, None, ("tuned",))
    learned = Work(workspace, plan).dataset.frame
    assert len(learned) == 900
    assert learned["size"][560:600].tolist() == fixed["size"].tolist()
    assert life.train(workspace, told=False).verdict.rules
