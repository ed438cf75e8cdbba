"""A backtest as one value: what every policy would have done, and which to take. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tasks.backtest.history import History
from tasks.backtest.oracle import Bound, choose_oracle, oracle_bounds
from tasks.backtest.recommendation import Recommendation, recommend
from tasks.backtest.replay import Course, replay_all
from tasks.policy.limits import Limits
from tasks.policy.policy import Policy
from tasks.policy.situation import unit
from tasks.records import MaybeNaN, plain

# Of the drop that the file watches for: a tenth of what counts as a fall is no reason to pay more.
TOLERATED = 0.1


@dataclass(frozen=True)
class PolicyResult:
    """One policy in figures; positive differences are better, whatever the metric's direction.

    `against_static` is what it adds to never retraining, `against_bound` (0 or below) what it
    misses of the best that as many retrainings could have reached.
    """

    policy: str
    retrainings: int
    cpu_seconds: float
    mean: MaybeNaN
    against_static: MaybeNaN
    against_bound: MaybeNaN
    on_front: bool


@dataclass(frozen=True, eq=False)
class Backtest:
    """Everything that a backtest found; `lines` and `courses` are in the same order."""

    history: History
    limits: Limits
    courses: tuple[Course, ...]
    lines: tuple[PolicyResult, ...]
    bounds: tuple[Bound, ...]
    oracle: Bound
    recommendation: Recommendation
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, the whole of it."""
        told = {
            "history": self.history.to_dict(),
            "limits": self.limits.to_dict(),
            "policies": self.lines,
            "courses": [course.to_dict() for course in self.courses],
            "bounds": self.bounds,
            "oracle": self.oracle,
            "naive": self.history.naive_means(),
            "recommendation": self.recommendation,
            "notes": self.notes,
        }
        return dict(plain(told, nan_as_null=True))


def compare_policies(
    history: History, policies: Sequence[Policy], limits: Limits, delay: timedelta, own: Policy
) -> Backtest:
    """Replay a history under these policies, and say which of them to take.

    Args:
        history: what happened, with every model fitted.
        policies: to replay, and to choose among.
        limits: what holds each of them back.
        delay: how long labels take after their event.
        own: the policy in the pipeline file, which wins a tie.

    Raises:
        DataError: no batch has labels to judge by, or the delay is below zero.
    """
    courses = replay_all(history, policies, limits, delay)
    best = oracle_bounds(history, delay)
    courses = tuple(sorted(courses, key=lambda course: (course.cpu_seconds, -course.quality)))
    front = {course.policy for course in pareto_front(courses)}
    lines = tuple(_line(history, course, best, course.policy in front) for course in courses)
    advice = recommend(courses, limits, tolerance(history, limits), own=str(own))
    oracle = choose_oracle(history, best, limits.worth)
    notes = _notes(history, courses, advice, best[0])
    return Backtest(history, limits, courses, lines, best, oracle, advice, notes)


def pareto_front(courses: Sequence[Course]) -> tuple[Course, ...]:
    """Return the courses that no other dominates, in the order given.

    One dominates another that it is at least as good and as cheap as, and better in one of the
    two. A course without a mean is never on the front.
    """

    def dominates(course: Course, other: Course) -> bool:
        ours, theirs = course.quality, other.quality
        no_worse = ours >= theirs and course.cpu_seconds <= other.cpu_seconds
        return no_worse and (ours > theirs or course.cpu_seconds < other.cpu_seconds)

    known = [course for course in courses if not math.isnan(course.mean)]
    return tuple(course for course in known if not any(dominates(other, course) for other in known))


def tolerance(history: History, limits: Limits) -> float:
    """Return the loss of mean quality that a cheaper policy may have, in the metric's unit.

    A tenth of the drop that the pipeline file watches for, or what a retraining must be worth
    where that is more.
    """
    reference = history.fits[history.first].reference.value
    share = max(limits.drop * TOLERATED, limits.worth)
    return share * unit(reference, history.greater_is_better)


def _line(history: History, course: Course, best: Sequence[Bound], front: bool) -> PolicyResult:
    allowed, sign = best[min(len(course.retrainings), len(best) - 1)], history.sign
    # means of the same figures in another order differ in the last digits: -1e-17 is no difference
    return PolicyResult(
        course.policy,
        len(course.retrainings),
        course.cpu_seconds,
        course.mean,
        round(sign * (course.mean - best[0].mean), 12),
        round(sign * (course.mean - allowed.mean), 12),
        front,
    )


def _notes(
    history: History, courses: Sequence[Course], advice: Recommendation, static: Bound
) -> tuple[str, ...]:
    """Return what a person should know before taking the advice."""
    notes, sign = [], history.sign
    chosen = next(course for course in courses if course.policy == advice.policy)
    if not chosen.retrainings:
        notes.append(
            "No policy beats never retraining on this history by enough to stand out: "
            "retraining would have cost, and bought next to nothing."
        )
    elif sign * (chosen.mean - static.mean) <= 0:
        notes.append("It is no better here than never retraining.")
    for name, mean in history.naive_means().items():
        if sign * (mean - chosen.mean) >= 0:
            notes.append(
                f"The naive prediction {name} reaches {mean:.4f}, at least as much as the models: "
                "they are not worth serving as they are."
            )
    left = len(history.replayed) - len(history.judged)
    if left:
        notes.append(
            f"{left} of {len(history.replayed)} batches have no labels of two classes "
            "and count in no mean."
        )
    return tuple(notes)
