"""A training and a backtest compute the same on Dask as here, to the last digit."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.backtest.elsewhere import fit_end, plan_jobs
from tasks.backtest.pinning import plan_backtest
from tasks.backtest.result import compare_policies
from tasks.backtest.table import FitTable, fit_history
from tasks.records import plain
from tasks.training.elsewhere import FoldJob, PinnedRows
from tasks.training.plan import TrainingPlan
from tasks.training.work import Work
from tasks.tuning.trial import Setting
from tests import life
from tests.tasks.engine.clusters import Cluster
from tests.tasks.monitoring.house import House

LARGEST = 64 * 1024  # bytes of a job


def twins(folder: Path, engine: str, **changes: Any) -> tuple[House, House]:
    """Return two houses with the same batches, of which the second computes on the engine."""
    here = House(folder / "here", changes)
    for number in range(6):
        here.arrive(f"{number}.csv", life.toy_rows(150, start=150 * number))
    shutil.copytree(folder / "here", folder / "there")
    return here, House(folder / "there", {**changes, "engine": engine})


def timeless(value: Any) -> Any:
    """Leave out what a clock says."""
    if isinstance(value, dict):
        clocks = ("seconds", "cpu_seconds", "latency", "peak_mib", "created", "run")
        return {name: timeless(part) for name, part in value.items() if name not in clocks}
    if isinstance(value, list):
        return [timeless(part) for part in value]
    return value


def tried(house: House) -> tuple[TrainingPlan, dict[str, Any], bool]:
    """Train, and return the plan, every figure, and whether workers spent anything."""
    work, chosen, _ = life.challenge(house.workspace, told=False)
    (candidate,) = chosen.candidates
    told = {
        "tuning": chosen.tuning,
        "evaluation": candidate.judged.evaluation,
        "golden": candidate.contender.golden,
        "passed": candidate.verdict.passed,
        "rules": [rule for rule in candidate.verdict.rules if not rule.rule.startswith("latency")],
    }
    return work.plan, timeless(plain(told, nan_as_null=True)), work.spent_elsewhere > 0


@pytest.mark.soak
@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_training_tries_chooses_and_decides_the_same(
    cluster: Cluster, tmp_path: Path, sampler: str
) -> None:
    families = ["linear", "lightgbm"]
    training = {"families": families, "trials": 3, "sampler": sampler, "timeout": "1h"}
    here, there = twins(tmp_path, cluster.engine, training=training)
    (own, figures, spent), (other, same, spent_there) = tried(here), tried(there)
    assert own.key == other.key
    assert figures == same
    assert len(figures["tuning"]["trials"]) == 5
    assert (spent, spent_there) == (False, True)


def replayed(house: House) -> tuple[FitTable, Any]:
    """Fit a history, and replay it."""
    plan = plan_backtest(house.workspace, ["static", "every 1 batch"])
    table = fit_history(house.workspace, plan, lambda _: None)
    found = compare_policies(table.history, plan.policies, plan.limits, plan.delay, plan.own)
    return table, [timeless(course.to_dict()) for course in found.courses]


def test_a_backtest_fits_and_replays_the_same(cluster: Cluster, tmp_path: Path) -> None:
    here, there = twins(tmp_path, cluster.engine)
    (own, courses), (other, same) = replayed(here), replayed(there)
    assert courses == same
    assert other.fitted == own.fitted > 2
    assert own.history.cells.keys() == other.history.cells.keys()
    for place, cell in own.history.cells.items():
        twin = other.history.cells[place]
        assert plain(replace(cell, errors=None)) == plain(replace(twin, errors=None))
        np.testing.assert_array_equal(cell.errors, twin.errors)
    kept = fit_history(there.workspace, plan_backtest(there.workspace), lambda _: None)
    assert (kept.fitted, kept.kept) == (0, other.fitted)


def test_a_job_is_small_whatever_the_rows(tmp_path: Path) -> None:
    house = House(tmp_path, {})
    house.arrive("large.csv", life.toy_rows(20_000))
    workspace = house.workspace
    work = Work(workspace, house.plan())
    job = FoldJob(PinnedRows.of(work), Setting("linear", {"alpha": 0.1}), 0)
    assert len(pickle.dumps(job)) < LARGEST
    house.arrive("more.csv", life.toy_rows(100, start=20_000))
    house.arrive("last.csv", life.toy_rows(100, start=20_100))
    (job_of_fit, *_) = plan_jobs(workspace.bucket, plan_backtest(workspace), [0, 1])
    assert len(pickle.dumps((fit_end, job_of_fit))) < LARGEST
