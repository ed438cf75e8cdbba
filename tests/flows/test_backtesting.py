from __future__ import annotations

import json

import pytest

from tasks.backtest.rows import read_rows
from tasks.config import Pipeline
from tasks.dataset.dataset import build_dataset
from tasks.evaluation.metrics import METRICS
from tasks.features.prepare import prepare, prepared_columns
from tasks.models.families import FAMILIES
from tests.flows.conftest import TOY, Bench, toy_rows
from tests.servers import Tracking

pytestmark = pytest.mark.system
INGEST, BACKTEST = "flows.ingestion:ingest", "flows.backtesting:backtest"
SIZES = (300, 120, 120, 120, 120, 120)
POLICIES = ["static", "every 1 batch", "every 2 batches", "new_rows 30%"]


@pytest.fixture
def past(bench: Bench) -> Bench:
    """A pipeline with six batches, of which the last four have another target."""
    bench.rewrite(TOY + "\nretraining: {policy: new_rows 30%, cooldown: 1h}\n")
    start = 0
    for number, size in enumerate(SIZES):
        rows = toy_rows(size, start=start)
        if number > 1:
            rows["high"] = 1 - rows["high"]
        bench.drop(f"part-{number}.csv", rows)
        start += size
    bench.run(INGEST)
    return bench


def plain(bench: Bench) -> dict[tuple[int, int], float]:
    """Fit and judge in a plain loop, LightGBM's defaults on the batches up to each."""
    pipeline: Pipeline = bench.pipeline
    frame = bench.workspace.curated.read().to_pandas().sort_values("at")
    frame = frame.drop(columns=["_batch", "_ingested_at"])
    ends = [sum(SIZES[: at + 1]) for at in range(len(SIZES))]
    found = {}
    for end in range(len(SIZES) - 1):
        data = build_dataset(frame.iloc[: ends[end]].reset_index(drop=True), pipeline)
        columns = prepared_columns(data.schema)
        model = FAMILIES["lightgbm"].build({}, columns, "binary", pipeline.training.seed)
        model.fit(data.prepared, data.y)
        for at in range(end + 1, len(SIZES)):
            batch = frame.iloc[ends[at - 1] : ends[at]]
            chance = model.predict_proba(prepare(batch, data.schema))
            found[end, at] = METRICS["roc_auc"].score(batch["high"].to_numpy(), chance)
    return found


def test_it_adds_up_shares_its_fits_and_is_found_again(
    past: Bench, mlflow_tracking: Tracking
) -> None:
    past.die(BACKTEST, "backtest.fit.after")
    done = past.run(BACKTEST, policies=POLICIES)
    ends = len(SIZES) - 1 - done["first"]
    assert (done["first"], done["batches"], done["judged"]) == (0, 6, 5)
    # the fit that was kept before the kill is not made again, and no policy makes its own
    assert (done["fits"]["fitted"], done["fits"]["kept"]) == (ends - 1, 1)
    expected = plain(past)
    document = json.loads(past.bucket.get(done["report"]["json"]))
    for course in document["courses"]:
        lived = {one["batch"]: one for one in course["steps"]}
        for at, step in lived.items():
            assert step["live"]["value"] == pytest.approx(expected[step["model_end"], at], abs=1e-9)
    lines = {one["policy"]: one for one in done["policies"]}
    assert lines["every 1 batch"]["retrainings"] == 4
    assert lines["static"]["retrainings"] == 0
    static = sum(expected[0, at] for at in range(1, 6)) / 5
    assert lines["static"]["mean"] == pytest.approx(static, abs=1e-9)
    assert lines["every 1 batch"]["against_static"] > 0.05
    assert done["recommendation"]["policy"] != "static"
    page = past.bucket.get(done["report"]["html"]).decode()
    assert all(policy in page for policy in POLICIES)
    again = past.run(BACKTEST, policies=POLICIES)
    assert (again["fits"]["fitted"], again["fits"]["kept"]) == (0, ends)
    assert again["policies"] == done["policies"]
    _runs(past, mlflow_tracking)


def _runs(past: Bench, tracking: Tracking) -> None:
    """Look for one run a policy, however often it was told."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking.uri)
    experiment = client.get_experiment_by_name(f"{past.name}-backtest")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.run_name for run in runs) == sorted(POLICIES)
    (often,) = [run for run in runs if run.info.run_name == "every 1 batch"]
    assert often.data.metrics["retrainings"] == 4
    history = client.get_metric_history(often.info.run_id, "roc_auc")
    assert sorted(one.step for one in history) == [1, 2, 3, 4, 5]


def test_one_batch_is_cut_into_pieces(bench: Bench) -> None:
    bench.drop("all.csv", toy_rows(700))
    bench.run(INGEST)
    done = bench.run(BACKTEST, policies=["static"], rows=100)
    assert done["batches"] == 7
    assert "pieces of 100 rows" in read_recipe(bench)


def read_recipe(bench: Bench) -> str:
    from tasks.backtest.pinning import plan_backtest

    plan = plan_backtest(bench.workspace, ["static"], 100)
    return read_rows(bench.bucket, plan)[1].recipe
