"""The cheapest policy within noise of the best is named, with lines that read back."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
import yaml
from scipy.stats import binom

from tasks.backtest.plan import choose_policies
from tasks.backtest.recommendation import recommend, shortfall
from tasks.backtest.replay import replay_all
from tasks.errors import DataError
from tasks.policy.limits import Limits
from tasks.policy.policy import parse_policy
from tasks.records import plain
from tests.tasks.backtest.scenes import course, history

RNG = np.random.default_rng(4)
HARD = RNG.normal(0.7, 0.05, 40)
SAME = [*(HARD + RNG.normal(0, 0.002, 40))]
STATIC = course("static", [*(HARD - 0.03)], 0)
MONTHLY = course("every 1 batch", [*HARD], 40, retrained=40)
CLEVER = course("performance", SAME, 10, retrained=10)
LIMITS = Limits()


def test_the_cheapest_that_is_not_surely_worse_is_taken() -> None:
    found = recommend((STATIC, MONTHLY, CLEVER), LIMITS)
    assert found.policy == "performance"
    assert {one.policy for one in found.compared if one.good_enough} >= {"performance", found.best}
    assert "static" in {one.policy for one in found.compared if not one.good_enough}
    json.dumps(plain(found, nan_as_null=True), allow_nan=False)


def test_where_batches_are_hard_alike_a_small_loss_is_still_seen() -> None:
    gap = shortfall(MONTHLY, STATIC)
    assert gap.value == pytest.approx(0.03)
    assert gap.low == pytest.approx(0.03)
    assert np.std(HARD) > 0.03


def test_the_tolerance_lets_a_cheaper_one_through() -> None:
    assert recommend((STATIC, MONTHLY), LIMITS, 0.0).policy == "every 1 batch"
    assert recommend((STATIC, MONTHLY), LIMITS, 0.031).policy == "static"


def test_the_pipelines_own_policy_wins_where_it_is_the_same() -> None:
    twin = course("drift", SAME, 10, retrained=10)
    assert recommend((twin, CLEVER, MONTHLY), LIMITS, own="performance").policy == "performance"
    assert recommend((CLEVER, twin, MONTHLY), LIMITS, own="drift").policy == "drift"


def test_for_errors_less_is_more() -> None:
    static = course("static", [12.0, 13.0, 12.5, 14.0], 0, upwards=False)
    monthly = course("every 1 batch", [10.0, 11.0, 10.5, 11.0], 9, upwards=False)
    found = recommend((static, monthly), LIMITS)
    assert (found.policy, found.best) == ("every 1 batch", "every 1 batch")
    assert "the best of 2" in found.why
    assert recommend((static, monthly), LIMITS, 2.5).policy == "static"


@pytest.mark.parametrize(
    "limits", [LIMITS, Limits(timedelta(hours=6), worth=0.01)], ids=["plain", "worth"]
)
def test_the_lines_are_those_of_a_pipeline_file(limits: Limits) -> None:
    mixed = course("any(performance, age 60d)", SAME, 1)
    lines = yaml.safe_load(recommend((mixed,), limits).yaml)["retraining"]
    assert parse_policy(lines.pop("policy")) == parse_policy("any(performance, age 60d)")
    assert lines == {key: limits.to_dict()[key] for key in lines}
    assert ("worth" in lines) is bool(limits.worth)


def test_the_same_courses_give_the_same_answer() -> None:
    courses = replay_all(
        history(14, fade=0.02), choose_policies(None, parse_policy("static")), LIMITS
    )
    found = recommend(courses, LIMITS)
    assert found == recommend(courses, LIMITS)
    assert found.policy == recommend(courses[::-1], LIMITS).policy
    assert shortfall(courses[0], courses[0]).to_dict() == {"value": 0, "low": 0, "high": 0}


def test_without_labels_nothing_is_recommended() -> None:
    with pytest.raises(DataError, match="some batch has labels"):
        recommend((course("static", [], 0),), LIMITS)


def test_batches_that_are_bad_in_a_row_widen_the_interval() -> None:
    rng, hits, runs = np.random.default_rng(2), 0, 200
    for seed in range(runs):
        gaps = np.convolve(rng.normal(0, 0.01, 63), [0.25] * 4, "valid")
        best, other = course("drift", [0.0] * 60, 1), course("static", [*gaps], 0)
        found = shortfall(best, other, 0.9, seed)
        hits += found.low <= 0 <= found.high
    assert binom.ppf(0.0001, runs, 0.8) <= hits <= binom.ppf(0.9999, runs, 0.92)
