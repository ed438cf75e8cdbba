"""A decision names the rule that decided, records every signal, and keeps the limits."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config import Pipeline
from tasks.errors import DataError
from tasks.policy.decision import HELD_BACK, NOTHING_FIRED, Decision, decide
from tasks.policy.expected_gain import expected_gain
from tasks.policy.limits import Limits
from tasks.policy.policy import parse_policy
from tasks.policy.signals import MEASURED
from tasks.policy.situation import DriftFigure, Situation
from tasks.quantities import Budget, parse_rate
from tasks.records import read
from tests.tasks.policy.scenes import QUIET, figure

LIMITS = Limits()
HOUR = timedelta(hours=1)
FALLEN = replace(QUIET, live=figure(0.65), drift=DriftFigure(0.5, 0.3))


def decided(policy: object, situation: Situation, limits: Limits = LIMITS) -> Decision:
    return decide(parse_policy(policy), situation, limits)


@pytest.mark.parametrize(
    ("policy", "retrain", "rule"),
    [
        ("performance", True, "performance"),
        ("static", False, NOTHING_FIRED),
        ("schedule", False, NOTHING_FIRED),
        ("any(age 900d, drift, performance)", True, "drift"),
        ("all(drift, performance)", True, "drift and performance"),
        ("all(drift, age 900d)", False, NOTHING_FIRED),
        ("all(drift, any(age 900d, performance))", True, "drift and performance"),
        ("any(static, all(drift, static))", False, NOTHING_FIRED),
    ],
)
def test_the_rule_that_decided_is_named(policy: str, retrain: bool, rule: str) -> None:
    found = decided(policy, FALLEN)
    assert (found.retrain, found.rule) == (retrain, rule)
    assert found.policy == policy


UNLABELLED = replace(FALLEN, live=None, recent=(), errors=None)


@pytest.mark.parametrize(
    ("policy", "retrain"),
    [
        ("performance", False),
        ("any(performance, drift)", True),
        ("any(performance, age 900d)", False),
        ("all(performance, drift)", True),
        ("all(performance, age 900d)", False),
        ("all(performance, decay)", False),
        ("all(drift, any(performance, error_drift))", True),
        ("all(drift, any(performance, age 900d))", False),
    ],
)
def test_a_policy_that_cannot_be_evaluated_says_so_and_decides_by_what_it_has(
    policy: str, retrain: bool
) -> None:
    found = decided(policy, UNLABELLED)
    assert found.retrain is retrain
    if policy != "any(performance, drift)":
        assert "No labels yet" in found.reason


@pytest.mark.parametrize("policy", ["static", "performance", "any(drift 10%, drift 90%)"])
def test_every_signal_is_recorded_whatever_the_answer(policy: str) -> None:
    readings = decided(policy, FALLEN).readings
    assert {one.signal for one in readings} >= set(MEASURED)
    assert len(readings) == len({(one.signal, one.said) for one in readings})


BLOCKED = {
    "already running": ({"running": True}, {}),
    "suspicious batch": ({"suspicions": ("All 50 labelled rows are of one class (yes).",)}, {}),
    "nothing new to learn": ({"learnable": 0}, {}),
    "cooldown": ({"retrainings": (FALLEN.at - 5 * HOUR,)}, {}),
    "budget": ({"retrainings": (FALLEN.at - 40 * HOUR,)}, {"budget": Budget(1, 50 * HOUR)}),
    "not worth it": ({"expected_gain": 0.001}, {"worth": 0.01}),
}


def test_every_objection_is_tested() -> None:
    assert tuple(BLOCKED) == tuple(HELD_BACK)


@pytest.mark.parametrize("rule", BLOCKED)
def test_an_objection_turns_a_yes_into_a_no_that_says_both(rule: str) -> None:
    change, limits = BLOCKED[rule]
    found = decided("performance", replace(FALLEN, **change), replace(LIMITS, **limits))
    assert (found.retrain, found.rule) == (False, rule)
    assert "although the policy asks for it" in found.reason
    assert "more than the 0.020 allowed" in found.reason
    quiet = decided("performance", replace(QUIET, **change), replace(LIMITS, **limits))
    assert quiet.rule == NOTHING_FIRED


def test_the_first_objection_of_several_decides() -> None:
    change = {key: value for one, _ in BLOCKED.values() for key, value in one.items()}
    assert decided("performance", replace(FALLEN, **change)).rule == "already running"


@pytest.mark.parametrize(
    ("expected", "worth", "retrain"),
    [(None, 0.01, True), (0.01, 0.01, True), (0.009, 0.01, False), (-1.0, 0.0, True)],
)
def test_worth_is_asked_for_only_where_it_is_known_and_set(
    expected: float | None, worth: float, retrain: bool
) -> None:
    found = decided("performance", replace(FALLEN, expected_gain=expected), Limits(worth=worth))
    assert found.retrain is retrain


def test_a_decision_reads_back_from_json() -> None:
    at, until = FALLEN.at.replace(tzinfo=UTC), FALLEN.fitted_until.replace(tzinfo=UTC)
    aware = replace(FALLEN, at=at, fitted_until=until)
    for situation in (FALLEN, aware, UNLABELLED):
        found = decided("any(performance, age 60d)", situation)
        text = json.dumps(found.to_dict(), allow_nan=False)
        assert read(Decision, json.loads(text), "decision") == found


def test_times_with_and_without_a_zone_are_not_mixed() -> None:
    with pytest.raises(DataError, match="zone"):
        replace(QUIET, at=datetime(2013, 6, 1, tzinfo=UTC))


def test_the_limits_are_the_pipelines() -> None:
    pipeline = Pipeline.model_validate(
        {
            "name": "toy",
            "task": "binary",
            "target": "y",
            "event_time": "t",
            "monitoring": {"performance": {"drop": 0.05}},
            "retraining": {"cooldown": "6h", "budget": "2 per 7d", "worth": 0.003}
            | {"max_cost": "2m CPU per +0.001"},
        }
    )
    limits = pipeline.limits
    assert limits == Limits(6 * HOUR, Budget(2, timedelta(days=7)), 0.003, 0.05, max_cost=120_000)
    assert limits.max_cost_text == "120s per 0.001"
    assert limits.to_dict()["budget"] == "2 per 7d"


@pytest.mark.parametrize(
    ("gain", "seconds", "retrain"),
    [(0.001, 61.0, False), (0.001, 59.0, True), (0.002, 110.0, True), (-0.001, 1.0, False)],
)
def test_a_gain_may_cost_so_much_and_no_more(gain: float, seconds: float, retrain: bool) -> None:
    seen = replace(FALLEN, expected_gain=gain, expected_cost=seconds)
    found = decided("performance", seen, Limits(max_cost=parse_rate("60s per 0.001")))
    assert found.retrain is retrain
    if not retrain:
        assert found.rule == "not worth it"
        assert f"Not worth it: it is expected to cost {seconds:.0f} CPU seconds" in found.reason
        assert found.reason.endswith("at most 60 are to be spent for each +0.001.")


def test_what_is_not_known_holds_no_retraining_back() -> None:
    limits = Limits(max_cost=1.0)
    assert decided("performance", replace(FALLEN, expected_cost=90.0), limits).retrain
    assert decided("performance", replace(FALLEN, expected_gain=0.001), limits).retrain


@given(
    gaps=st.lists(st.integers(0, 50), min_size=1, max_size=60),
    cooldown=st.integers(0, 30),
    count=st.integers(0, 4),
    window=st.integers(1, 200),
)
def test_neither_budget_nor_cooldown_is_ever_overrun(
    gaps: list[int], cooldown: int, count: int, window: int
) -> None:
    limits = Limits(cooldown * HOUR, Budget(count, window * HOUR))
    at, taken, asked = FALLEN.at, (), []
    for gap in gaps:
        at += gap * HOUR
        situation = replace(FALLEN, at=at, retrainings=taken)
        found = decided("performance", situation, limits)
        assert found == decided("performance", situation, limits)
        asked.append((found, taken))
        taken = (*taken, at) if found.retrain else taken
    assert all(later - earlier >= limits.cooldown for earlier, later in pairwise(taken))
    for start in taken:
        assert sum(start <= one < start + limits.budget.window for one in taken) <= count
    for found, before in asked:
        recent = [one for one in before if found.at - one < limits.budget.window]
        cooling = bool(before) and found.at - before[-1] < limits.cooldown
        assert found.retrain is (not cooling and len(recent) < count)


def test_what_a_retraining_would_buy_follows_past_gains_and_the_drop_now() -> None:
    assert expected_gain([], 0.3) is None
    assert expected_gain([float("nan")], 0.3) is None
    assert expected_gain([0.01, 0.03], None) == pytest.approx(0.02)
    assert expected_gain([0.0, 0.0], 0.2) == pytest.approx(0.1)
    assert expected_gain([0.04], -5.0) == pytest.approx(0.04 / 3)
    assert expected_gain([9.0, *[0.02] * 5], None) == pytest.approx(0.02)
