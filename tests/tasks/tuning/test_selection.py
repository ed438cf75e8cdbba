"""Luck is not preferred to defaults; a real gain is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import DataError
from tasks.tuning.selection import select_setting
from tasks.tuning.trial import Setting, TuningTrial

FOLDS = st.tuples(*[st.integers(0, 1024)] * 3).map(lambda scores: tuple(s / 1024 for s in scores))


def trial(
    number: int,
    scores: tuple[float, ...],
    origin: str = "search",
    state: str = "complete",
    **more: object,
) -> TuningTrial:
    family = str(more.get("family", "lightgbm"))
    seconds = float(str(more.get("seconds", 1.0)))
    setting = Setting(family, {} if origin == "defaults" else {"number": number})
    return TuningTrial(
        number, setting, origin, scores, seconds, state, str(more.get("message", ""))
    )  # type: ignore[arg-type]


def test_the_best_defaults_win_and_ties_go_to_the_cheaper() -> None:
    dear = trial(0, (0.7, 0.72), "defaults", family="mlp", seconds=9)
    cheap = trial(1, (0.72, 0.7), "defaults", family="linear", seconds=2)
    worse = trial(2, (0.6, 0.7), "defaults", family="random_forest", seconds=1)
    chosen = select_setting([dear, cheap, worse])
    assert chosen.setting.family == "linear"
    assert chosen.why == "linear defaults: 0.71, the best of 3; no tuned setting ran on every fold"


def test_within_the_spread_the_defaults_stay_and_the_sentence_has_the_figures() -> None:
    default = trial(0, (0.670, 0.676, 0.682), "defaults", family="extra_trees")
    tuned = trial(1, (0.680, 0.678, 0.676))
    chosen = select_setting([default, tuned])
    assert chosen.setting == default.setting
    assert chosen.why == (
        "extra_trees defaults: 0.676; best tuned lightgbm 0.678 "
        "is within the folds' spread of 0.0046"
    )
    error = np.std([0.010, 0.002, -0.006], ddof=1) / math.sqrt(3)
    assert chosen.figures == pytest.approx(
        {"default": 0.676, "tuned": 0.678, "gain": 0.002, "spread": error}
    )


def test_beyond_the_spread_the_tuned_setting_wins() -> None:
    default = trial(0, (0.670, 0.676, 0.682), "defaults", family="extra_trees")
    tuned = trial(1, (0.690, 0.697, 0.701))
    chosen = select_setting([default, tuned])
    assert chosen.setting == tuned.setting
    assert chosen.why.startswith(
        "tuned lightgbm 0.696 (trial 1) is better than extra_trees defaults: 0.676 by 0.02, more"
    )


def test_what_is_enough_for_one_setting_is_not_for_the_luckiest_of_thirty() -> None:
    default = trial(0, (0.70, 0.70, 0.70), "defaults")
    best = trial(1, (0.71, 0.72, 0.70))
    assert select_setting([default, best]).setting == best.setting
    others = [trial(2 + i, (0.69, 0.71, 0.70)) for i in range(29)]
    assert select_setting([default, best, *others]).setting == default.setting


def test_pruned_settings_count_as_looked_at() -> None:
    default, best = trial(0, (0.70, 0.70, 0.70), "defaults"), trial(1, (0.71, 0.72, 0.70))
    pruned = [trial(2 + i, (0.5,), state="pruned") for i in range(29)]
    assert select_setting([default, best, *pruned]).setting == default.setting


def test_luck_is_seldom_chosen_and_skill_mostly() -> None:
    rng = np.random.default_rng(3)

    def chosen_tuned(effect: float) -> int:
        wins = 0
        for _ in range(100):
            scores = 0.7 + rng.normal(0, 0.02, 3) + rng.normal(0, 0.004, (31, 3))
            scores[1:] += effect
            tried = [trial(0, tuple(scores[0]), "defaults")]
            tried += [trial(i, tuple(scores[i])) for i in range(1, 31)]
            wins += select_setting(tried).setting.params != {}
        return wins

    assert chosen_tuned(0.0) < 30
    assert chosen_tuned(0.012) > 80


@settings(max_examples=60, deadline=None)
@given(default=FOLDS, tuned=st.lists(FOLDS, min_size=1, max_size=4))
def test_the_direction_mirrors_and_a_shift_of_all_scores_changes_nothing(
    default: tuple[float, ...], tuned: list[tuple[float, ...]]
) -> None:
    def of(sign: float, shift: float, greater: bool) -> Setting:
        moved = [tuple(sign * score + shift for score in scores) for scores in [default, *tuned]]
        tried = [trial(i, scores, "search" if i else "defaults") for i, scores in enumerate(moved)]
        return select_setting(tried, greater_is_better=greater).setting

    assert of(1, 0, True) == of(-1, 0, False) == of(1, 0.25, True)


@settings(max_examples=60, deadline=None)
@given(default=FOLDS, tuned=st.lists(FOLDS, min_size=1, max_size=4))
def test_a_chosen_setting_is_never_worse_on_the_folds_than_the_defaults(
    default: tuple[float, ...], tuned: list[tuple[float, ...]]
) -> None:
    tried = [
        trial(i, scores, "search" if i else "defaults")
        for i, scores in enumerate([default, *tuned])
    ]
    chosen = select_setting(tried).setting
    assert next(trial.mean for trial in tried if trial.setting == chosen) >= tried[0].mean


def test_one_fold_shows_no_spread() -> None:
    chosen = select_setting([trial(0, (0.6,), "defaults"), trial(1, (0.9,))])
    assert chosen.setting.params == {}
    assert chosen.why.endswith("one fold shows no spread to judge by")
    assert "spread" not in chosen.figures


def test_without_defaults_the_best_tuned_is_taken() -> None:
    failed = trial(0, (), "defaults", "failed", message="ValueError: no")
    champion = trial(1, (0.7, 0.6), "champion")
    chosen = select_setting([failed, champion])
    assert chosen.setting == champion.setting
    assert chosen.why == "lightgbm the champion's setting: 0.65; no family's defaults ran"


def test_nothing_judged_is_refused_with_every_failure() -> None:
    failed = trial(0, (), "defaults", "failed", message="ValueError: no")
    with pytest.raises(DataError, match="lightgbm: ValueError: no"):
        select_setting([failed])
