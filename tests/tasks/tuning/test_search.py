"""The order, the bounds and the honesty of a search."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.dataset.split import forward_folds
from tasks.errors import ConfigurationError, DataError
from tasks.features.schema import Columns
from tasks.models.families import FAMILIES
from tasks.records import plain, read
from tasks.tuning.search import search_settings
from tasks.tuning.trial import Progress, Setting, Tuning
from tests.tasks.tuning.families import COLUMNS, StandIn, off_by, raises, rows, slope, waits_until


def searched(*families: StandIn, **options: Any) -> Tuning:
    frame, y, folds = options.pop("rows", None) or rows()
    options = {"trials": 12, "seconds": 60.0, "seed": 4, **options}
    return search_settings(
        frame,
        y,
        folds,
        task="regression",
        metric="rmse",
        families={family.name: family for family in families},  # type: ignore[misc]
        columns=COLUMNS,
        **options,
    )


GOOD, POOR, WORST = StandIn("good", slope), StandIn("poor", off_by(1)), StandIn("worst", off_by(9))
BROKEN = StandIn("broken", raises)


def test_defaults_come_first_then_the_champion_then_the_best_two_families() -> None:
    found = searched(WORST, GOOD, POOR, champion=Setting("worst", {"slope": 2.5}))
    assert [trial.number for trial in found.trials] == list(range(16))
    assert [trial.origin for trial in found.trials[:5]] == ["defaults"] * 3 + ["champion", "search"]
    assert [trial.setting.family for trial in found.trials[:4]] == [
        "worst",
        "good",
        "poor",
        "worst",
    ]
    assert found.trials[3].setting.params == {"slope": 2.5}
    assert {trial.setting.family for trial in found.trials[4:]} <= {"good", "poor"}
    assert all(len(trial.scores) == 3 for trial in found.trials[:3])
    assert not found.cut_by_timeout


def test_a_real_gain_is_found_and_chosen() -> None:
    found = searched(GOOD, POOR, trials=30)
    assert found.chosen.family == "good"
    assert abs(found.chosen.params["slope"] - 2) < 0.3
    assert found.figures["gain"] > found.figures["spread"]


def test_tuned_by_luck_under_drift_is_not_chosen_and_rightly() -> None:
    # The slope wanders about the default; the folds happen to lie above it, what follows below.
    drifting = rows((1.0, 1.5, 0.8, 1.4), noise=0.3)
    found = searched(GOOD, rows=drifting, trials=30)
    luckiest = min((t for t in found.trials if t.state == "complete"), key=lambda t: t.mean)
    assert luckiest.origin == "search"
    assert luckiest.mean < found.trials[0].mean
    assert found.chosen == found.trials[0].setting
    assert "within the folds' spread" in found.why
    later, y, _ = rows((0.8, 0.8), noise=0.3, seed=2)
    error = {
        name: np.mean((slope(params, later) - y) ** 2)
        for name, params in [("chosen", found.chosen.params), ("luckiest", luckiest.setting.params)]
    }
    assert error["chosen"] < error["luckiest"]


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_equal_seeds_search_alike(sampler: str) -> None:
    def tried(seed: int) -> list[Any]:
        found = searched(GOOD, POOR, sampler=sampler, seed=seed)
        return [(t.setting, t.origin, t.scores, t.state, t.message) for t in found.trials]

    assert tried(1) == tried(1)
    assert tried(1) != tried(2)


def test_a_spent_budget_still_judges_the_defaults_and_says_that_it_was_cut() -> None:
    found = searched(GOOD, POOR, seconds=0.0, champion=Setting("good", {"slope": 2.0}))
    assert [trial.origin for trial in found.trials] == ["defaults", "defaults"]
    assert all(trial.state == "complete" for trial in found.trials)
    assert found.cut_by_timeout


def test_the_time_is_looked_at_between_folds() -> None:
    instant = time.monotonic() + 1.1
    late = StandIn("good", lambda params, frame: waits_for(params, frame, instant))
    found = searched(late, seconds=1.0, trials=3)
    last = found.trials[-1]
    assert found.cut_by_timeout
    assert (last.number, last.state, len(last.scores)) == (1, "pruned", 1)
    assert last.message == "the time budget ended after fold 1"


def waits_for(params: Any, frame: pd.DataFrame, instant: float) -> np.ndarray:
    """Be quick with the defaults, slow with the rest."""
    return slope(params, frame) if params["slope"] == 1.0 else waits_until(instant)(params, frame)


def test_no_trials_means_defaults_only_and_nothing_was_cut() -> None:
    found = searched(GOOD, POOR, trials=0)
    assert len(found.trials) == 2
    assert not found.cut_by_timeout


def test_hopeless_trials_are_pruned_before_the_last_fold() -> None:
    found = searched(GOOD, trials=30, sampler="random")
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    assert all(0 < len(trial.scores) < 3 for trial in pruned)
    assert "median" in pruned[0].message


def test_what_a_family_raises_is_recorded_and_the_search_goes_on() -> None:
    found = searched(BROKEN, GOOD, champion=Setting("broken", {"slope": 2.0}))
    first, champion = found.trials[0], found.trials[2]
    assert (first.state, first.message) == ("failed", "ZeroDivisionError: slope 1 of nothing")
    assert (champion.origin, champion.state) == ("champion", "failed")
    assert {trial.setting.family for trial in found.trials[3:]} == {"good"}
    assert len(found.trials) == 15


def test_a_tuned_setting_that_raises_is_recorded_too() -> None:
    def fragile(params: Any, frame: pd.DataFrame) -> np.ndarray:
        return slope(params, frame) if params["slope"] < 1.5 else raises(params, frame)

    found = searched(StandIn("fragile", fragile))
    states = {trial.state for trial in found.trials if trial.origin == "search"}
    assert "failed" in states
    assert len(found.trials) == 13
    assert found.chosen.params["slope"] < 1.5


def test_a_family_that_cannot_suggest_is_recorded() -> None:
    class Mute(StandIn):
        def suggest(self, trial: Any) -> dict[str, Any]:
            raise LookupError("no space")

    found = searched(Mute("mute", slope), trials=2)
    assert [trial.message for trial in found.trials[1:]] == ["LookupError: no space"] * 2


def test_nothing_that_can_be_judged_is_refused_with_the_reasons() -> None:
    with pytest.raises(DataError, match="broken: ZeroDivisionError"):
        searched(BROKEN)


def test_a_grid_is_tried_once_and_no_further() -> None:
    found = searched(GOOD, POOR, sampler="grid", trials=50)
    tried = {(t.setting.family, t.setting.params["slope"]) for t in found.trials[2:]}
    assert tried == {(name, value) for name in ("good", "poor") for value in (0.5, 1.5, 2.5)}
    assert len(found.trials) == 8


def test_a_setting_is_not_judged_twice() -> None:
    champion = Setting("good", {"slope": 1.0})
    found = searched(StandIn("good", slope, grid=(1.0, 2.0)), sampler="grid", champion=champion)
    assert [trial.setting.params["slope"] for trial in found.trials] == [1.0, 2.0]


@pytest.mark.parametrize("params", [{"slope": 2.0}, {"slope": 99.0}, {"old_name": 1, "slope": 2.0}])
def test_the_champion_is_judged_as_it_is_even_outside_the_space(params: dict[str, Any]) -> None:
    found = searched(GOOD, champion=Setting("good", params))
    assert found.trials[1].setting.params == params
    assert (found.trials[1].origin, len(found.trials[1].scores)) == ("champion", 3)


def test_a_champion_of_a_family_no_longer_searched_is_left_out() -> None:
    found = searched(GOOD, champion=Setting("gone", {}), trials=1)
    assert [trial.origin for trial in found.trials] == ["defaults", "search"]


def test_a_mean_over_fewer_folds_is_marked_and_is_never_the_best() -> None:
    seen: list[Progress] = []
    searched(GOOD, POOR, BROKEN, trials=30, say=seen.append)
    whole: list[float] = []
    for progress in seen:
        trial = progress.trial
        whole += [trial.mean] if trial.state == "complete" else []
        dropped = f"dropped after {len(trial.scores)} of 3 folds"
        assert (dropped in progress.text) == (trial.state == "pruned")
        assert progress.text.endswith(f"(best {min(whole):.4f})")
    assert {progress.trial.state for progress in seen} == {"complete", "pruned", "failed"}
    assert all("nan" not in progress.text for progress in seen)


def test_a_setting_is_called_tuned_only_where_the_search_found_it() -> None:
    found = searched(GOOD, POOR, champion=Setting("good", {"slope": 2.5}), trials=30)
    said = {trial.origin: found.say_setting(trial.setting) for trial in found.trials}
    assert said == {
        "defaults": "its defaults",
        "champion": "the champion's setting",
        "search": "tuned",
    }


def test_progress_counts_up_to_what_was_said() -> None:
    seen: list[Progress] = []
    found = searched(GOOD, POOR, champion=Setting("good", {"slope": 2.5}), say=seen.append)
    assert [progress.done for progress in seen] == list(range(1, 16))
    assert seen[-1].most == 15
    best = [progress.best for progress in seen]
    assert best == sorted(best, reverse=True)
    assert tuple(progress.trial for progress in seen) == found.trials


def test_a_tuning_survives_json() -> None:
    found = searched(GOOD, BROKEN, champion=Setting("good", {"slope": 2.5}))
    text = json.dumps(plain(found, nan_as_null=True), allow_nan=False)
    assert read(Tuning, json.loads(text), "tuning") == found
    assert Setting.of("a", {"b": (np.int64(1), 2)}).params == {"b": [1, 2]}


def test_an_unscored_fold_is_null_in_json_and_left_out_of_the_mean() -> None:
    frame, y, folds = rows()
    y[folds[1].judge] = 7.0
    found = search_settings(
        frame,
        y,
        folds,
        task="regression",
        metric="r2",
        families={"good": GOOD},
        columns=COLUMNS,
        trials=0,  # type: ignore[dict-item]
    )
    content = plain(found, nan_as_null=True)
    assert content["trials"][0]["scores"][1] is None
    assert np.isfinite(found.trials[0].mean)
    assert plain(read(Tuning, content, "tuning"), nan_as_null=True) == content


def test_families_that_do_not_serve_and_unknown_samplers_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="one serves regression; got good"):
        searched(StandIn("good", slope, tasks=("binary",)))
    with pytest.raises(ConfigurationError, match="tpe, random, grid; got simulated"):
        searched(GOOD, sampler="simulated")


def test_a_search_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    searched(GOOD, BROKEN, champion=Setting("good", {"slope": 99.0}), trials=3)
    assert capfd.readouterr() == ("", "")


def test_real_families_are_searched_on_classes_that_a_fold_lacks() -> None:
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 240)
    y[200:] = rng.integers(0, 3, 40)
    frame = pd.DataFrame(
        {"x": y + rng.normal(0, 1, 240), "z": rng.normal(0, 1, 240)}, dtype="float32"
    )
    found = search_settings(
        frame,
        y,
        forward_folds(np.arange(240).astype("datetime64[h]"), 3),
        task="multiclass",
        metric="accuracy",
        families={name: FAMILIES[name] for name in ("linear", "mlp")},
        columns=Columns(("x", "z"), ()),
        champion=Setting("linear", {**FAMILIES["linear"].defaults, "alpha": 0.01}),
        trials=2,
    )
    assert [trial.message for trial in found.trials if trial.state == "failed"] == []
    assert len(found.trials) == 5
    assert found.trials[0].mean > 0.55
