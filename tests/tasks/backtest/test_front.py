"""The front holds what nothing dominates, and a margin says which side of it a policy is on."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.backtest.front import margin, pareto_front
from tests.tasks.backtest.scenes import course

STATIC = course("static", [0.60, 0.60], 0)
MONTHLY = course("every 1 batch", [0.70, 0.70], 10)
CLEVER = course("performance", [0.69, 0.70], 4)
WASTEFUL = course("drift", [0.68, 0.68], 8)
BLIND = course("decay", [], 1)
ALL = (MONTHLY, WASTEFUL, STATIC, BLIND, CLEVER)


def test_a_course_that_is_beaten_on_both_is_under_the_front() -> None:
    points = {one.policy: one for one in pareto_front(ALL)}
    assert [one.policy for one in pareto_front(ALL)] == [
        "static",
        "decay",
        "performance",
        "drift",
        "every 1 batch",
    ]
    assert {name for name, one in points.items() if one.on_front} == {
        "static",
        "performance",
        "every 1 batch",
    }
    assert points["drift"].behind == pytest.approx(0.015)
    assert points["performance"].behind == 0
    assert points["decay"].to_dict()["behind"] is None


def test_the_margin_is_above_on_or_under_the_front_of_others() -> None:
    fixed = (STATIC, MONTHLY)
    assert margin(CLEVER, fixed) == pytest.approx(0.095)
    assert margin(STATIC, fixed) == 0
    assert margin(WASTEFUL, (CLEVER,)) == pytest.approx(-0.015)
    assert margin(STATIC, (MONTHLY,)) == math.inf
    assert math.isnan(margin(BLIND, fixed))


def test_for_errors_less_is_more() -> None:
    low = course("drift", [10.0], 5, upwards=False)
    high = course("static", [12.0], 0, upwards=False)
    worse = course("decay", [12.5], 6, upwards=False)
    assert [one.on_front for one in pareto_front((low, high, worse))] == [True, True, False]
    assert margin(worse, (low, high)) == -2.5


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_exactly_those_that_nothing_dominates_are_on_it(pairs: list[tuple[int, int]]) -> None:
    courses = [course(f"p{at}", [value], cost) for at, (value, cost) in enumerate(pairs)]
    for point in pareto_front(courses):
        beaten = any(
            value >= point.mean
            and cost <= point.cpu_seconds
            and (value, cost) != (point.mean, point.cpu_seconds)
            for value, cost in pairs
        )
        assert point.on_front is not beaten
        assert point.behind >= 0
        if point.on_front:
            assert point.behind == 0
