"""The whole life of a pipeline whose rows have no event time: what arrived when is all its time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deployments.serving.application import Application
from deployments.serving.metrics import Metrics
from tasks.backtest.cutting import FEWEST
from tasks.backtest.pinning import plan_backtest
from tasks.backtest.result import compare_policies
from tasks.backtest.table import fit_history
from tasks.dataset.split import hashed_split, row_hashes
from tasks.errors import DataError
from tasks.explanation.file import explain_file
from tasks.ingestion.labels import open_labels
from tasks.ingestion.land import land
from tasks.ingestion.landing import Landed
from tasks.promotion.versions import manifest_of
from tasks.scoring.score import score_source
from tasks.serving.fleet import Fleet
from tasks.training import steps
from tasks.training.choosing import choose_challenger
from tasks.training.insight import Insight
from tasks.training.pinning import pin_run
from tasks.training.telling import CARD, make_record
from tasks.training.work import Work
from tasks.workspace import Workspace
from tests import life
from tests.served import ask, unlogged

LENIENT = {"min_gain": -0.1, "max_slice_loss": 0.2, "max_calibration_error": 1.0}


def timeless(folder: Path, **sections: Any) -> Workspace:
    """Return the toy pipeline without event time: its rows are exchangeable."""
    return life.toy_workspace(
        folder, event_time=None, data={"suite": "tests.suites.timeless"}, **sections
    )


def rows_of(count: int, start: int = 0, **changes: Any) -> pd.DataFrame:
    """Make rows sorted by their target, as files often are."""
    rows = life.toy_rows(count, start, **changes).drop(columns="at")
    return rows.sort_values("high", kind="stable")


def split_of(workspace: Workspace) -> Work:
    return Work(workspace, pin_run(workspace, None, ("tuned",)))


def test_a_whole_life_without_time(tmp_path: Path) -> None:
    workspace = timeless(
        tmp_path, retraining={"policy": "new_rows 50%", "cooldown": "0s"}, gate=LENIENT
    )
    first = life.ingest(workspace, "a.csv", rows_of(600))
    assert (first.outcome, first.rows) == ("accepted", 600)
    (decided,) = life.monitor(workspace)
    ended = life.train(workspace, "monitor", decided.id)
    assert ended.outcome == "promoted", ended.summary

    lineage = manifest_of(workspace, 1).lineage
    assert lineage.evidence == "random holdout"
    assert set(lineage.naive) == {"shares"}
    assert set(manifest_of(workspace, 1).baselines) == {"prior"}

    # what arrives is judged as it comes: another batch, sorted by its target like the first
    life.ingest(workspace, "b.csv", rows_of(900, start=600))
    *_, decided = life.monitor(workspace)
    assert decided.seen is not None
    observation = decided.seen.observation
    assert (observation.rows, observation.labelled, observation.known) == (900, 900, 0)
    assert observation.live is not None
    assert observation.live.value > 0.75
    assert "last_value" not in observation.baselines
    assert decided.decision.retrain, decided.decision.reason
    ended = life.train(workspace, "monitor", decided.id)
    assert ended.outcome == "promoted", ended.summary
    assert manifest_of(workspace, 2).lineage.rows == 1_500

    check_scores(workspace)
    check_answers(workspace, tmp_path)
    kinds = {entry.kind for entry in workspace.ledger.entries()}
    assert kinds >= {"verdict", "promotion", "decision", "scored"}
    why = workspace.ledger.entries("promotion")[0].figures["why"]
    assert "randomly held out rows" in why


def check_scores(workspace: Workspace) -> None:
    outcome = score_source(workspace, "curated")
    assert (outcome["rows"], outcome["labelled"], outcome["version"]) == (1_500, 1_500, 2)
    assert "last_value" not in outcome["baselines"]
    assert outcome["learned"] == 1.0
    key = "toy/asked.csv"
    workspace.bucket.put(key, rows_of(30, start=3_000).to_csv(index=False).encode())
    asked = score_source(workspace, key)
    assert (asked["rows"], asked["labelled"], set(asked["baselines"])) == (30, 30, {"prior"})
    assert asked["learned"] == 0.0


def check_answers(workspace: Workspace, folder: Path) -> None:
    request = manifest_of(workspace, 2).lineage.request
    assert request is not None
    assert [field.name for field in request.fields] == ["colour", "id", "size"]
    fleet = Fleet(workspace.bucket, workspace.keyring)
    fleet.look(0)
    application = Application(unlogged(fleet), Metrics())
    rows = [{"id": 1, "size": 0.5, "colour": "red"}]
    answer, _ = ask(application, "/v1/toy/predict", {"rows": rows})
    assert answer.status == 200, answer.body
    path = folder / "new.csv"
    rows_of(3, start=2_000).drop(columns="high").to_csv(path, index=False)
    assert len(explain_file(workspace, path, 2).explanations) == 2


def test_the_challenger_learns_all_that_the_champion_knows_and_neither_saw_the_holdout(
    tmp_path: Path,
) -> None:
    workspace = timeless(tmp_path, gate={**LENIENT, "min_rows": 50})
    life.ingest(workspace, "a.csv", rows_of(600))
    assert life.train(workspace, told=False).outcome == "promoted"
    life.ingest(workspace, "b.csv", rows_of(900, start=600))
    life.monitor(workspace)
    work = split_of(workspace)
    data = work.dataset
    held = data.frame["id"][data.split.holdout]
    # of the new rows the hashed side; the champion was refitted on every old one
    assert held.min() >= 600
    assert 130 < len(held) < 230
    hashes = row_hashes(data.frame, ["id"])
    aside = hashed_split(hashes, data.frame["high"].to_numpy(), 0.2, "binary").holdout
    assert set(held) == set(data.frame["id"][aside & (data.frame["id"] >= 600).to_numpy()])


def test_with_few_new_rows_the_champion_is_compared_by_its_setting(tmp_path: Path) -> None:
    workspace = timeless(tmp_path, gate={**LENIENT, "min_rows": 50})
    life.ingest(workspace, "a.csv", rows_of(600))
    assert life.train(workspace, told=False).outcome == "promoted"
    life.ingest(workspace, "b.csv", rows_of(60, start=600))
    life.monitor(workspace)
    work = split_of(workspace)
    before = set(range(600))
    assert set(work.dataset.frame["id"][work.dataset.split.holdout]) & before
    life.train(workspace, told=False)
    *_, verdict = workspace.ledger.entries("verdict")
    assert "setting fitted again on the training window" in json.dumps(verdict.figures["verdict"])
    assert verdict.figures["refitted"]


def test_a_warm_challenger_goes_on_with_what_arrived_since(tmp_path: Path) -> None:
    workspace = timeless(
        tmp_path,
        training={"families": ["lightgbm"]},
        retraining={"challengers": ["warm"]},
        gate={**LENIENT, "min_rows": 50},
    )
    life.ingest(workspace, "a.csv", rows_of(600))
    assert life.train(workspace, told=False).outcome == "promoted"
    life.ingest(workspace, "b.csv", rows_of(900, start=600))
    life.train(workspace, told=False)
    lineage = manifest_of(workspace, 2).lineage
    assert (lineage.challenger, lineage.rows) == ("warm", 1_500)


@pytest.mark.parametrize("gained", [True, False])
def test_a_file_that_gains_or_loses_its_event_time_trusts_no_clock_of_before(
    tmp_path: Path, gained: bool
) -> None:
    timed = life.toy_workspace(tmp_path, gate=LENIENT)
    bare = life.toy_workspace(tmp_path, gate=LENIENT, event_time=None)
    before, after = (bare, timed) if gained else (timed, bare)
    life.ingest(before, "a.csv", life.toy_rows(600))
    assert life.train(before, told=False).outcome == "promoted"
    life.ingest(after, "b.csv", life.toy_rows(300, start=600))
    *_, decided = life.monitor(after)
    assert decided.seen is not None
    seen = decided.seen.observation
    assert (seen.known, seen.labelled, len(decided.seen.errors)) == (0, 300, 0)
    assert seen.live is not None
    life.train(after, told=False)
    *_, verdict = after.ledger.entries("verdict")
    assert "setting fitted again on the training window" in json.dumps(verdict.figures["verdict"])


def test_labels_that_come_later_are_judged_by_batch(tmp_path: Path) -> None:
    workspace = timeless(
        tmp_path, monitoring={"labels": "delayed"}, gate=LENIENT, retraining={"cooldown": "0s"}
    )
    first, second = rows_of(400), rows_of(300, start=400)
    life.ingest(workspace, "a.csv", first.drop(columns="high"))
    label(workspace, "a.csv", first)
    assert life.train(workspace, told=False).outcome == "promoted"
    life.monitor(workspace)
    life.ingest(workspace, "b.csv", second.drop(columns="high"))
    (came,) = life.monitor(workspace)
    assert came.seen is not None
    assert came.seen.observation.labelled == 0
    assert label(workspace, "b.csv", second).counts.new == 300
    (judged,) = life.monitor(workspace)
    assert judged.seen is not None
    seen = judged.seen.observation
    assert (seen.rows, seen.labelled, seen.known) == (300, 300, 0)
    assert len(judged.seen.errors) == 300


def test_a_window_goes_by_arrival(tmp_path: Path) -> None:
    workspace = timeless(tmp_path)
    life.ingest(workspace, "a.csv", rows_of(100))
    life.ingest(workspace, "b.csv", rows_of(100, start=100))
    frame = split_of(workspace).dataset.frame
    first, last = frame["_ingested_at"].min(), frame["_ingested_at"].max()
    plan = pin_run(workspace, (last - first).to_pytimedelta(), ("tuned",))
    assert set(Work(workspace, plan).dataset.frame["id"]) == set(range(100, 200))


def test_a_backtest_replays_the_batches_as_they_came(tmp_path: Path) -> None:
    workspace = timeless(tmp_path, retraining={"cooldown": "0s"})
    for number in range(FEWEST):
        with_few = plan_backtest(workspace, ["every 1 batch"]) if number else None
        if with_few is not None:
            with pytest.raises(DataError, match="at least 3 batches; got"):
                fit_history(workspace, with_few, lambda _: None, workers=1)
        life.ingest(workspace, f"{number}.csv", rows_of(200, start=200 * number))
    plan = plan_backtest(workspace, ["static", "every 1 batch"])
    filled = fit_history(workspace, plan, lambda _: None, workers=1)
    assert [batch.name for batch in filled.history.batches] == ["0", "1", "2"]
    assert [batch.rows for batch in filled.history.batches] == [200, 200, 200]
    assert set(filled.history.naive) == {"prior"}
    assert not any(cell.late for cell in filled.history.cells.values())
    found = compare_policies(filled.history, plan.policies, plan.limits, plan.delay, plan.own)
    retrained = {course.policy: course.retrainings for course in found.courses}
    assert retrained == {"static": (), "every 1 batch": (1,)}
    with pytest.raises(DataError, match="--rows"):
        by_rows = plan_backtest(workspace, ["static"], rows=100)
        fit_history(workspace, by_rows, lambda _: None, workers=1)


def test_columns_without_a_contract_need_no_time(tmp_path: Path) -> None:
    workspace = life.toy_workspace(
        tmp_path, event_time=None, key=[], data={"suite": "tests.suites.open_columns"}, gate=LENIENT
    )
    landed = life.ingest(workspace, "a.csv", rows_of(400))
    assert (landed.outcome, landed.rows) == ("accepted", 400)
    assert life.train(workspace, told=False).outcome == "promoted"


def test_a_regression_has_no_last_value_to_beat(tmp_path: Path) -> None:
    workspace = timeless(tmp_path, task="regression", target="size", gate={**LENIENT, "slices": []})
    life.ingest(workspace, "a.csv", rows_of(600))
    ended = life.train(workspace)
    assert set(manifest_of(workspace, 1).baselines) == {"mean", "median"}
    assert ended.verdict.passed, ended.summary


def test_the_run_and_its_card_say_that_rows_were_held_out_at_random(tmp_path: Path) -> None:
    workspace = timeless(tmp_path)
    life.ingest(workspace, "a.csv", rows_of(400))
    work = split_of(workspace)
    (challenger,) = work.challengers
    tuning, _ = steps.choose_setting(work, lambda _: None)
    contender, _ = steps.fit_challenger(work, tuning, challenger)
    judged, _ = steps.evaluate_holdout(work, contender, challenger)
    chosen = choose_challenger(work, tuning, [contender], [judged])
    record = make_record(work, chosen, contender, Insight(None, failure="nobody asked"))
    assert record.tags["perennial.evidence"] == "random holdout"
    assert "rows of a random holdout" in record.note
    assert "Evidence: random holdout" in record.texts[CARD]
    assert "picked at random among those it learned from" in record.texts[CARD]


def test_without_time_and_key_rows_are_known_by_what_they_say(tmp_path: Path) -> None:
    workspace = timeless(tmp_path, key=[], gate=LENIENT)
    life.ingest(workspace, "a.csv", rows_of(500))
    held = split_of(workspace).dataset
    before = set(held.frame["id"][held.split.holdout])
    life.ingest(workspace, "b.csv", rows_of(500, start=500))
    data = split_of(workspace).dataset
    after = set(data.frame["id"][data.split.holdout])
    assert {row for row in after if row < 500} == before


def label(workspace: Workspace, name: str, rows: pd.DataFrame) -> Landed:
    key = f"{workspace.layout.labels_incoming}{name}"
    workspace.bucket.put(key, rows[["id", "high"]].to_csv(index=False).encode())
    return land(open_labels(workspace), key, lambda _: None)
