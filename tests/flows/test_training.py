from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.explanation.explainer import Explainer
from tasks.explanation.overview import Overview
from tasks.faults import POINTS
from tasks.promotion import pointer
from tasks.promotion.promote import promote
from tasks.promotion.versions import load, models, published
from tasks.records import read
from tasks.tracking.client import connect
from tasks.tracking.registry import read_aliases
from tests.flows.conftest import TOY, Bench, toy_rows
from tests.flows.running import completed
from tests.servers import poll

pytestmark = pytest.mark.system
INGEST, TRAIN = "flows.ingestion:ingest", "flows.training:train"
MONITOR = "flows.monitoring:monitor"
LEDGER = ("promote.ledger.before", "promote.ledger.after")
# Right after a write is right before the next one: nothing else is stored between them.
CRASHES = [
    point
    for point in POINTS
    if point.startswith(("train.", "promote."))
    and point not in LEDGER
    and (point.endswith(".before") or point == "promote.alias.after")
]


def mlflow_versions(bench: Bench) -> list[int]:
    with connect(bench.tracking, "test") as client:
        found = client.search_model_versions(f"name = '{bench.name}'")
    return sorted(int(version.version) for version in found)


def finished_runs(bench: Bench) -> int:
    with connect(bench.tracking, "test") as client:
        experiment = client.get_experiment_by_name(bench.name)
        runs = client.search_runs([experiment.experiment_id], "tags.`perennial.key` != ''")
    return sum(run.info.status == "FINISHED" for run in runs)


def trees_of(text: bytes) -> list[str]:
    """Return the trees of a booster; `Tree=` numbers them, and their sizes are elsewhere."""
    trees, _, _ = text.decode().partition("end of trees")
    return [one.strip() for one in trees.split("\nTree=")[1:]]


def assert_explained(bench: Bench, version: int) -> None:
    """What the model looks at lies in the bucket, in MLflow and in the card."""
    folder = f"{bench.name}/reports/explanation/{version}/"
    kept = {info.key.removeprefix(folder): info for info in bench.bucket.list(folder)}
    page = kept.pop("explanation.html")
    assert b"roc_auc" in bench.bucket.get(page.key)
    assert set(kept) == {
        "explanation.json",
        "summary.png",
        "dependence-1.png",
        "dependence-2.png",
        "dependence-3.png",
    }
    document = json.loads(bench.bucket.get(kept["explanation.json"].key))
    found = read(Overview, document["overview"], "explanation.json")
    assert (found.method, found.of, found.metric) == ("linear_shap", "high", "roc_auc")
    assert [one.name for one in found.columns][:2] == ["size", "colour"]
    assert found.columns[0].lost > 0.1
    assert found.surrogate.fidelity > 0.5
    assert bench.bucket.get(kept["summary.png"].key).startswith(b"\x89PNG")
    loaded = load(bench.workspace, version)
    assert Explainer(loaded).method == "linear_shap"
    with connect(bench.tracking, "test") as client:
        drawn = {one.path for one in client.list_artifacts(loaded.manifest.run, "explanation")}
        card = client.download_artifacts(loaded.manifest.run, "model-card.md", str(bench.folder))
    assert drawn == {f"explanation/{name}" for name in kept}
    text = Path(card).read_text()
    assert "## What each column adds" in text
    assert "## In a few rules" in text
    assert "explanation/summary.png" in text


def test_from_a_file_to_a_champion_and_nothing_computed_twice(bench: Bench) -> None:
    bench.drop("a.csv", toy_rows(600))
    landed = bench.run(INGEST)
    assert [batch["outcome"] for batch in landed["batches"]] == ["accepted"]
    first = bench.run(TRAIN, cause="test")
    assert first["outcome"] == "promoted"
    assert first["metrics"]["roc_auc"]["low"] > 0.7
    champion, _ = pointer.read(bench.workspace) or pytest.fail("no champion")
    assert champion.version == first["version"] == 1
    assert read_aliases(bench.tracking, bench.name) == {"champion": 1}
    assert_explained(bench, 1)
    again = bench.run(TRAIN, cause="test")
    assert (again["outcome"], again["version"]) == ("unchanged", 1)
    assert "Nothing to compute" in again["summary"]
    assert published(bench.workspace) == (1,)
    assert mlflow_versions(bench) == [1]


@pytest.mark.soak
def test_a_new_configuration_is_judged_against_the_champion_on_rows_neither_saw(
    bench: Bench,
) -> None:
    bench.drop("a.csv", toy_rows(600))
    bench.run(INGEST)
    bench.run(TRAIN)
    bench.rewrite(TOY.replace("folds: 2", "folds: 3"))
    second = bench.run(TRAIN)
    assert second["version"] == 2
    (manifest,) = [m for m in models(bench.workspace)
                   if m.version == 2]  # fmt: skip
    rule = next(one for one in manifest.verdict.rules if "champion" in one.rule)
    assert "over version 1 " in rule.figures
    assert "the champion's setting fitted again on the training window" in rule.figures
    bench.drop("b.csv", toy_rows(400, start=600))
    bench.run(INGEST)
    bench.run(MONITOR)
    third = bench.run(TRAIN)
    assert third["version"] == 3
    verdicts = bench.workspace.ledger.entries("verdict")
    assert [entry.version for entry in verdicts] == [1, 2, 3]


def test_a_warm_challenger_starts_from_the_champion(bench: Bench) -> None:
    bench.rewrite(TOY.replace("families: [linear]", "families: [lightgbm]"))
    bench.drop("a.csv", toy_rows(600))
    bench.run(INGEST)
    bench.run(TRAIN)
    bench.drop("b.csv", toy_rows(400, start=600))
    bench.run(INGEST)
    bench.run(MONITOR)
    only = bench.run(TRAIN, challengers=["warm"])
    assert [one["challenger"] for one in only["challengers"]] == ["warm"]
    first, second = load(bench.workspace, 1), load(bench.workspace, only["version"])
    before, after = first.manifest.lineage, second.manifest.lineage
    assert after.challenger == "warm"
    assert second.manifest.window["start"] == first.manifest.window["start"]
    assert after.fitted_until > before.fitted_until
    trees, more = (trees_of(one["booster.txt"]) for one in (first.files, second.files))
    assert more[: len(trees)] == trees
    assert len(more) > len(trees)


def test_a_refused_plan_stays_refused_until_a_person_overrules_it(bench: Bench) -> None:
    bench.rewrite(TOY.replace("min_rows: 50", "min_rows: 5000"))
    bench.drop("a.csv", toy_rows(400))
    bench.run(INGEST)
    first = bench.run(TRAIN)
    assert (first["outcome"], first["passed"]) == ("refused", False)
    assert pointer.read(bench.workspace) is None
    again = bench.run(TRAIN)
    assert (again["outcome"], again["passed"]) == ("unchanged", False)
    assert "was refused" in again["summary"]
    why = "few rows are enough here"
    done = promote(bench.workspace, 1, by="test", why=why, override="accepted risk")
    assert done.outcome == "promoted"
    final = bench.run(TRAIN)
    assert (final["passed"], final["state"]) == (True, "is in service")


@pytest.mark.soak
def test_of_two_retrainings_racing_the_later_is_judged_again_against_the_earlier(
    bench: Bench,
) -> None:
    bench.drop("a.csv", toy_rows(400))
    bench.run(INGEST)
    bench.run(TRAIN)
    bench.drop("b.csv", toy_rows(300, start=400))
    bench.run(INGEST)
    bench.run(MONITOR)
    marker = bench.folder / "waits"
    apart = bench.folder / "slow"
    apart.mkdir()
    held = {**bench.environment, "PERENNIAL_WAIT_AT": f"train.verdict.before:{marker}"}
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(completed, TRAIN, held, apart, pipeline=bench.name)
        poll(marker.exists, 120, "the slow one to reach its verdict")
        bench.rewrite(TOY.replace("folds: 2", "folds: 3"))
        fast = bench.run(TRAIN)
        # it comes to the same point again when it is judged anew, and would wait a minute there
        poll(lambda: marker.unlink(missing_ok=True) or slow.done(), 180, "the slow one's end")
        ended = slow.result()
    assert (fast["outcome"], fast["version"], ended["version"]) == ("promoted", 3, 2)
    ledger = bench.workspace.ledger
    (lost,) = ledger.entries("lost")
    assert lost.version == 2
    verdicts = [one for one in ledger.entries("verdict") if one.version == 2]
    against = [one.figures["champion"] for one in verdicts]
    assert len(set(against)) == 2, "it was judged against each champion once"
    champion, _ = pointer.read(bench.workspace) or pytest.fail("no champion")
    assert champion.version == (2 if ended["outcome"] == "promoted" else 3)
    assert published(bench.workspace) == (1, 2, 3)


def test_a_damaged_result_is_computed_again(bench: Bench) -> None:
    bench.drop("a.csv", toy_rows(400))
    bench.run(INGEST)
    bench.die(TRAIN, "train.evaluated.before")
    kept = [info for info in bench.bucket.list("results/") if "/contender-tuned.json/" in info.key]
    files = [info for info in kept if not info.key.endswith("result.json")]
    model = max(files, key=lambda info: info.modified)
    bench.bucket.put(model.key, b"damaged")
    assert bench.run(TRAIN)["outcome"] == "promoted"
    assert bench.bucket.get(model.key) != b"damaged"


@pytest.mark.soak
def test_dying_at_every_write_leaves_one_version(bench: Bench) -> None:
    """One run dies at every point in turn; each next one goes on from where it died.

    After a death behind the pointer's swap the ledger is completed by repair, so its own points
    have a test of their own.
    """
    bench.drop("a.csv", toy_rows(400))
    bench.run(INGEST)
    for point in CRASHES:
        bench.die(TRAIN, point)
        assert len(published(bench.workspace)) <= 1
    outcome = bench.run(TRAIN)
    assert outcome["version"] == 1
    assert published(bench.workspace) == (1,)
    assert mlflow_versions(bench) == [1]
    assert finished_runs(bench) == 1
    ledger = bench.workspace.ledger
    assert len(ledger.entries("verdict")) == 1
    assert len(ledger.entries("promotion")) == 1
    assert read_aliases(bench.tracking, bench.name) == {"champion": 1}


@pytest.mark.parametrize("point", [LEDGER[0], pytest.param(LEDGER[1], marks=pytest.mark.soak)])
def test_dying_around_the_ledgers_entry_leaves_one_promotion(bench: Bench, point: str) -> None:
    bench.drop("a.csv", toy_rows(400))
    bench.run(INGEST)
    bench.die(TRAIN, point)
    assert bench.run(TRAIN)["version"] == 1
    assert len(bench.workspace.ledger.entries("promotion")) == 1
    assert read_aliases(bench.tracking, bench.name) == {"champion": 1}


def test_a_run_of_the_schedule_asks_the_limits_and_says_so_in_its_name(bench: Bench) -> None:
    bench.drop("first.csv", toy_rows(1500))
    bench.run(INGEST)
    first = bench.run("tests.flows.scheduled:carry_out")
    assert (first["outcome"], first["name"]) == (
        "promoted",
        f"train {bench.name}: schedule, first model",
    )
    bench.drop("second.csv", toy_rows(300, start=1500))
    bench.run(INGEST)
    unseen = bench.run("tests.flows.scheduled:carry_out")
    assert unseen["outcome"] == "unchanged", "nobody has looked at it yet"
    assert len(unseen["unseen"]) == 1
    bench.run(MONITOR)
    second = bench.run("tests.flows.scheduled:carry_out")
    assert second["outcome"] == "held back"
    assert second["name"] == f"train {bench.name}: schedule, not trained, cooldown"
    assert "the cooldown is 1 day" in second["summary"]
