"""Quality against cost: which courses nothing beats on both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tasks.backtest.replay import Course
from tasks.policy.situation import finite


@dataclass(frozen=True)
class Point:
    """One course on the plane of quality and cost.

    `behind` is how much better, in the metric's unit, the best course of at most the same cost
    is: 0 on the front.
    """

    policy: str
    retrainings: int
    cpu_seconds: float
    mean: float
    on_front: bool
    behind: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "mean": finite(self.mean), "behind": finite(self.behind)}


def pareto_front(courses: Sequence[Course]) -> tuple[Point, ...]:
    """Return every course, cheapest first, and whether it is on the front.

    On it is what no other course dominates: none is at least as good and as cheap, and better
    in one of the two. A course without a mean is never on it.
    """
    ordered = sorted(courses, key=lambda course: (course.cpu_seconds, -_quality(course)))
    return tuple(
        Point(
            course.policy,
            len(course.retrainings),
            course.cpu_seconds,
            course.mean,
            not math.isnan(course.mean) and not any(_dominates(other, course) for other in courses),
            max(0.0, -margin(course, courses)) if not math.isnan(course.mean) else math.nan,
        )
        for course in ordered
    )


def margin(course: Course, others: Sequence[Course]) -> float:
    """Return how far a course lies above the front of others, in the metric's unit.

    Its quality less that of the best of them that cost no more: 0 on their front, negative
    under it; infinite where none of them is as cheap, NaN without a mean.
    """
    if math.isnan(course.mean):
        return math.nan
    cheaper = (_quality(other) for other in others if other.cpu_seconds <= course.cpu_seconds)
    return _quality(course) - max(cheaper, default=-math.inf)


def _quality(course: Course) -> float:
    """Return the mean so that greater is better; without one it is the worst."""
    if math.isnan(course.mean):
        return -math.inf
    return course.mean if course.greater_is_better else -course.mean


def _dominates(course: Course, other: Course) -> bool:
    ours, theirs = _quality(course), _quality(other)
    no_worse = ours >= theirs and course.cpu_seconds <= other.cpu_seconds
    return no_worse and (ours > theirs or course.cpu_seconds < other.cpu_seconds)
