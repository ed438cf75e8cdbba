"""A table of a few hundred rows: judged out of fold, served with its warnings, told as such."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.errors import DataError
from tasks.promotion import pointer
from tasks.promotion.promote import promote
from tasks.promotion.versions import manifest_of, models
from tasks.training.finish import Ended
from tests.tasks.training.small import house, penguins


def rules(ended: Ended) -> dict[str, str]:
    return {rule.rule: rule.figures for rule in ended.verdict.rules}


@pytest.mark.parametrize("event_time", ["at", None])
def test_344_rows_get_a_champion_whose_interval_says_how_little_they_prove(
    tmp_path: Path, event_time: str | None
) -> None:
    built = house(tmp_path, event_time=event_time)
    built.arrive("a.csv", penguins(344))
    ended = built.train()
    assert ended.outcome == "promoted"
    judged = 344 if event_time is None else 287
    assert rules(ended)["enough rows"].startswith(f"{judged} rows, ")
    manifest = manifest_of(built.workspace, 1)
    often = "" if event_time else ", 2 times"
    assert manifest.lineage.evidence == f"cross-validation, 5 folds{often}"
    assert (manifest.lineage.rows, manifest.lineage.holdout_rows) == (344, judged)
    figure = manifest.metrics["accuracy"]
    assert 0.02 < figure["high"] - figure["low"] < 0.2
    assert figure["high"] <= 1
    (entry,) = built.workspace.ledger.entries("verdict")
    assert entry.figures["evidence"] == manifest.lineage.evidence


def test_champion_and_challenger_are_compared_on_the_same_folds(tmp_path: Path) -> None:
    built = house(tmp_path, retraining={"challengers": ["refitted", "warm"]})
    built.arrive("a.csv", penguins(300))
    assert built.train().outcome == "promoted"
    built.arrive("b.csv", penguins(60, start=300))
    ended = built.train()
    assert ended.outcome == "promoted"
    # the same setting in the same folds: not a trace of luck is left between them
    figures = rules(ended)["not worse than the champion"]
    assert figures.startswith("gain 0 [0, 0] over version 1")
    assert "on 360 rows, 5 folds, the champion's setting fitted again in each" in figures
    assert manifest_of(built.workspace, 2).lineage.challenger == "refitted"


def test_a_challenger_of_recent_rows_is_one_in_each_fold(tmp_path: Path) -> None:
    recent = {"challengers": ["refitted", "recent 4d"]}
    built = house(tmp_path, event_time="at", retraining=recent)
    built.arrive("a.csv", penguins(300))
    assert built.train().outcome == "promoted"
    built.arrive("b.csv", penguins(60, start=300))
    built.train()
    entry = built.workspace.ledger.entries("verdict")[-1]
    whole, latest = entry.figures["challengers"]
    assert (latest["challenger"], latest["rows"]) == ("recent 4d", 96)
    assert whole["gain"] == 0
    assert latest["gain"] != 0


def test_what_cannot_be_judged_is_refused_before_anything_is_tuned(tmp_path: Path) -> None:
    built = house(tmp_path)
    built.arrive("a.csv", penguins(40))
    with pytest.raises(DataError, match=r"at least 50 rows have a target; got 40\. Ingest more"):
        built.train()
    assert not list(built.workspace.bucket.list("results/"))


@pytest.mark.parametrize("first", ["strict", "lenient"])
def test_a_first_model_on_weak_evidence_is_served_with_its_warnings_or_told_how(
    tmp_path: Path, first: str
) -> None:
    built = house(tmp_path, gate={"first": first, "max_calibration_error": 0.001})
    built.arrive("a.csv", penguins(150))
    ended = built.train()
    manifest = manifest_of(built.workspace, 1)
    (entry,) = built.workspace.ledger.entries("verdict")
    failing = ["enough rows", "calibrated"]
    if first == "strict":
        assert ended.outcome == "refused"
        assert [reason.partition(":")[0] for reason in manifest.verdict.reasons] == failing
        refused = promote(built.workspace, 1, by="ann", why="to see")
        for said in (refused.message, manifest.verdict.ways_through("toy", 1)):
            assert "gate.min_rows or gate.first: lenient or gate.max_calibration_error in" in said
            assert '`perennial promote toy 1 --override "WHY"`' in said
        return
    assert ended.outcome == "promoted"
    assert [warning.partition(":")[0] for warning in manifest.verdict.warnings] == failing
    assert entry.summary.startswith("version 1 passed the gate, with warnings: enough rows: ")
    # a champion is protected as ever
    built.arrive("b.csv", penguins(20, start=150))
    assert built.train().outcome == "refused"
    found = pointer.read(built.workspace)
    assert found is not None
    assert found[0].version == 1


def test_what_is_no_better_than_chance_is_never_served(tmp_path: Path) -> None:
    built = house(tmp_path, gate={"first": "lenient"})
    built.arrive("a.csv", penguins(344, signal=0))
    ended = built.train()
    assert ended.outcome == "refused"
    assert "beats the naive baselines" in ended.summary


def spiked(count: int) -> pd.DataFrame:
    """Make rows whose target is linear in size, until in the latest ones the meter goes wild."""
    draw = np.random.default_rng(4)
    size = draw.uniform(0, 1, count)
    latest = np.arange(count) >= 0.8 * count
    seen = np.where(latest & (np.arange(count) % 20 == 0), 500.0, size)
    return pd.DataFrame(
        {
            "id": np.arange(count),
            "at": pd.date_range("2024-01-01", periods=count, freq="h"),
            "size": seen,
            "cost": 10 * size + draw.normal(0, 0.3, count),
        }
    )


def test_where_the_chosen_family_extrapolates_badly_the_next_best_one_is_tried(
    tmp_path: Path,
) -> None:
    families = {"families": ["linear", "random_forest", "lightgbm"], "trials": 0}
    built = house(
        tmp_path, task="regression", target="cost", event_time="at", training=families,
        gate={"first": "strict"},
    )  # fmt: skip
    built.arrive("a.csv", spiked(1500))
    ended = built.train()
    assert ended.outcome == "promoted"
    (version,) = models(built.workspace)
    assert version.lineage.setting.family in ("random_forest", "lightgbm")
    assert version.lineage.challenger == f"tuned {version.lineage.setting.family}"
    assert "linear, which the tuning chose" in version.lineage.why
    assert "does worse than a naive prediction" in version.lineage.why
    (entry,) = built.workspace.ledger.entries("verdict")
    told = entry.figures["challengers"]
    assert told[0]["family"] == "linear"
    assert 2 <= len(told) <= 3
    assert [line["passed"] for line in told] == [False] * (len(told) - 1) + [True]
    json.dumps(told, allow_nan=False)
