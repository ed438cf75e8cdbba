"""A backtest as one value: what every policy would have done, and which to take. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tasks.backtest.front import Point, pareto_front
from tasks.backtest.history import History
from tasks.backtest.known import Delay
from tasks.backtest.oracle import Bound, choose_oracle, oracle_bounds
from tasks.backtest.recommendation import Recommendation, recommend
from tasks.backtest.replay import Course, replay_all
from tasks.policy.limits import Limits
from tasks.policy.policy import Policy
from tasks.policy.situation import finite, unit

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
    mean: float
    against_static: float
    against_bound: float
    on_front: bool

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        plain = ("mean", "against_static", "against_bound")
        return {**asdict(self), **{name: finite(getattr(self, name)) for name in plain}}


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
        return {
            "history": self.history.to_dict(),
            "limits": self.limits.to_dict(),
            "policies": [result.to_dict() for result in self.lines],
            "courses": [course.to_dict() for course in self.courses],
            "bounds": [bound.to_dict() for bound in self.bounds],
            "oracle": self.oracle.to_dict(),
            "naive": {k: finite(v) for k, v in self.history.naive_means().items()},
            "recommendation": self.recommendation.to_dict(),
            "notes": list(self.notes),
        }


def compare_policies(
    history: History, policies: Sequence[Policy], limits: Limits, delay: Delay, own: Policy
) -> Backtest:
    """Replay a history under these policies, and say which of them to take.

    Args:
        history: what happened, with every model fitted.
        policies: to replay, and to choose among.
        limits: what holds each of them back.
        delay: how long labels take, in batches or as a time.
        own: the policy in the pipeline file, which wins a tie.

    Raises:
        DataError: no batch has labels to judge by, or the delay is below zero.
    """
    courses = replay_all(history, policies, limits, delay)
    best = oracle_bounds(history, delay)
    points = pareto_front(courses)
    order = {point.policy: place for place, point in enumerate(points)}
    courses = tuple(sorted(courses, key=lambda course: order[course.policy]))
    lines = tuple(_line(history, point, best) for point in points)
    advice = recommend(courses, limits, tolerance(history, limits), own=str(own))
    oracle = choose_oracle(history, best, limits.worth)
    notes = _notes(history, courses, advice, best[0])
    return Backtest(history, limits, courses, lines, best, oracle, advice, notes)


def tolerance(history: History, limits: Limits) -> float:
    """Return the loss of mean quality that a cheaper policy may have, in the metric's unit.

    A tenth of the drop that the pipeline file watches for, or what a retraining must be worth
    where that is more.
    """
    reference = history.fits[history.first].reference.value
    share = max(limits.drop * TOLERATED, limits.worth)
    return share * unit(reference, history.greater_is_better)


def _line(history: History, point: Point, best: Sequence[Bound]) -> PolicyResult:
    allowed = best[min(point.retrainings, len(best) - 1)]
    sign = history.sign
    return PolicyResult(
        point.policy,
        point.retrainings,
        point.cpu_seconds,
        point.mean,
        round(sign * (point.mean - best[0].mean), 12),
        round(sign * (point.mean - allowed.mean), 12),
        point.on_front,
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
