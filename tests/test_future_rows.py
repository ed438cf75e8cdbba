"""One row dated far ahead is named when it comes, and changes nothing that is decided."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.backtest.pinning import plan_backtest
from tasks.backtest.result import compare_policies
from tasks.backtest.table import fit_history
from tasks.monitoring.record import RecordedDecision
from tasks.workspace import Workspace
from tests import life

ROWS, BATCHES, SLIP = 400, 4, 117


def live_through(folder: Path, slip: str | None) -> tuple[Workspace, list[RecordedDecision]]:
    """Ingest four batches of 17 days, deciding on each and training where that says so."""
    workspace = life.toy_workspace(
        folder,
        retraining={"policy": "any(performance, age 20d)", "challengers": ["refitted"]},
        gate={"min_gain": -0.5, "max_slice_loss": 1.0, "max_calibration_error": 1.0},
    )
    decisions = []
    for number in range(BATCHES):
        rows = life.toy_rows(ROWS, ROWS * number, lean=1.5 if number == 0 else 0.8)
        if slip is not None and number == 0:
            rows["at"] = rows["at"].astype(str)
            rows.loc[SLIP, "at"] = slip
        landed = life.ingest(workspace, f"{number}.csv", rows)
        assert (landed.outcome, landed.rows) == ("accepted", ROWS)
        (decided,) = life.monitor(workspace)
        decisions.append(decided)
        if decided.decision.retrain:
            life.train(workspace, "monitor", decided.id, told=False)
    return workspace, decisions


def seen_in(decided: RecordedDecision) -> tuple[Any, ...]:
    seen, decision = decided.seen, decided.decision
    # what needs no label is a guess of the model, which learned the row at another place
    fired = {reading.signal: reading.fired for reading in decision.readings}
    fired.pop("estimated_performance", None)
    errors = None if seen is None else len(seen.errors)
    return decision.retrain, decision.rule, decision.at, fired, errors


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, list[RecordedDecision]]:
    return live_through(tmp_path_factory.mktemp("truth"), None)


@pytest.mark.parametrize("slip", ["2041-06-01 00:00:00", "2199-01-01 00:00:00"])
def test_decisions_are_those_without_it(
    tmp_path: Path, truth: tuple[Workspace, list[RecordedDecision]], slip: str
) -> None:
    workspace, decisions = live_through(tmp_path, slip)
    assert [seen_in(decided) for decided in decisions] == [seen_in(one) for one in truth[1]]
    assert [decided.decision.retrain for decided in decisions] == [True, False, True, False]
    for ours, theirs in zip(decisions[1:], truth[1][1:], strict=True):
        assert ours.seen is not None
        assert theirs.seen is not None
        assert ours.seen.observation.live is not None
        assert theirs.seen.observation.live is not None
        live = (ours.seen.observation.live.value, theirs.seen.observation.live.value)
        assert live[0] == pytest.approx(live[1], abs=0.02)
        assert ours.seen.observation.known == theirs.seen.observation.known
    replayed = [_replay(place) for place in (workspace, truth[0])]
    assert replayed[0] == replayed[1]
    assert any(retrained for retrained in replayed[0].values())


def _replay(workspace: Workspace) -> dict[str, tuple[int, ...]]:
    plan = plan_backtest(workspace, ["static", "age 20d", "every 1 batch"])
    filled = fit_history(workspace, plan, lambda _: None, workers=1)
    found = compare_policies(filled.history, plan.policies, plan.limits, plan.delay, plan.own)
    return {course.policy: course.retrainings for course in found.courses}


def test_it_is_named_when_it_comes_with_its_count_and_an_example(tmp_path: Path) -> None:
    workspace = life.toy_workspace(tmp_path)
    rows = life.toy_rows(100).astype({"at": str})
    rows.loc[[41, 70], "at"] = ["2041-06-01 00:00:00", "2050-01-01 00:00:00"]
    landed = life.ingest(workspace, "a.csv", rows)
    assert landed.report is not None
    said = (
        "2 rows are dated after the file came, such as row 42 (2041-06-01 00:00:00): learned "
        "from, but no clock follows."
    )
    assert landed.report.notes == (said,)
    key = workspace.layout.report("validation", f"{landed.batch}.json")
    assert json.loads(workspace.bucket.get(key))["notes"] == [said]
    page = workspace.bucket.get(key.replace(".json", ".html")).decode()
    assert "such as row 42 (2041-06-01 00:00:00)" in page


def test_honest_skew_and_plans_are_not_named(tmp_path: Path) -> None:
    workspace, now = life.toy_workspace(tmp_path), pd.Timestamp(datetime.now(UTC)).tz_localize(None)
    skewed = life.toy_rows(100)
    skewed.loc[99, "at"] = now + pd.Timedelta(hours=5)
    plan = life.toy_rows(100, start=100).assign(at=now + pd.Timedelta(days=30))
    for name, rows in {"skewed.csv": skewed, "plan.csv": plan}.items():
        landed = life.ingest(workspace, name, rows)
        assert landed.outcome == "accepted"
        assert landed.report is not None
        assert landed.report.notes == ()


def test_a_personal_date_is_not_shown(tmp_path: Path) -> None:
    workspace = life.toy_workspace(tmp_path, data={"personal": ["at"]})
    rows = life.toy_rows(100).astype({"at": str})
    rows.loc[41, "at"] = "2041-06-01 00:00:00"
    landed = life.ingest(workspace, "a.csv", rows)
    assert landed.report is not None
    assert landed.report.notes
    assert "2041" not in " ".join(landed.report.notes)
