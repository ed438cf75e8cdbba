"""The front holds what nothing dominates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.backtest.result import pareto_front
from tests.tasks.backtest.scenes import course

STATIC = course("static", [0.60, 0.60], 0)
MONTHLY = course("every 1 batch", [0.70, 0.70], 10)
CLEVER = course("performance", [0.69, 0.70], 4)
WASTEFUL = course("drift", [0.68, 0.68], 8)
BLIND = course("decay", [], 1)
ALL = (MONTHLY, WASTEFUL, STATIC, BLIND, CLEVER)


def test_a_course_that_is_beaten_on_both_is_under_the_front() -> None:
    assert pareto_front(ALL) == (MONTHLY, STATIC, CLEVER)


def test_for_errors_less_is_more() -> None:
    low = course("drift", [10.0], 5, upwards=False)
    high = course("static", [12.0], 0, upwards=False)
    worse = course("decay", [12.5], 6, upwards=False)
    assert pareto_front((low, high, worse)) == (low, high)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_exactly_those_that_nothing_dominates_are_on_it(pairs: list[tuple[int, int]]) -> None:
    courses = [course(f"p{at}", [value], cost) for at, (value, cost) in enumerate(pairs)]
    front = pareto_front(courses)
    for made in courses:
        beaten = any(
            value >= made.mean
            and cost <= made.cpu_seconds
            and (value, cost) != (made.mean, made.cpu_seconds)
            for value, cost in pairs
        )
        assert (made in front) is not beaten
