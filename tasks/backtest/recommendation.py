"""Which policy to take: the cheapest that is as good as the best, as far as batches can tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.backtest.replay import Course
from tasks.errors import DataError
from tasks.evaluation.bootstrap import Interval, percentile_interval
from tasks.policy.amounts import duration_text
from tasks.policy.limits import Limits
from tasks.records import MaybeNaN

# Of as many numbers as there are batches, not rows: four times those of a metric cost little.
ROUNDS = 2000
CONFIDENCE = 0.95
SEED = 7


@dataclass(frozen=True)
class PolicyComparison:
    """One policy beside the best: how far behind it is, and whether that may be noise."""

    policy: str
    retrainings: int
    cpu_seconds: float
    mean: MaybeNaN
    behind: Interval
    good_enough: bool


@dataclass(frozen=True)
class Recommendation:
    """The policy to take, the lines to paste into the pipeline file, and why in a sentence."""

    policy: str
    yaml: str
    why: str
    best: str
    compared: tuple[PolicyComparison, ...]


def recommend(
    courses: Sequence[Course],
    limits: Limits,
    tolerance: float = 0.0,
    *,
    own: str | None = None,
) -> Recommendation:
    """Return the cheapest policy whose mean quality is as good as the best, or nearly.

    As good: the interval of how far it is behind the best, batch by batch, reaches zero. Nearly:
    it is behind by `tolerance` at most. See `shortfall` for the interval.

    Args:
        courses: of the same history.
        limits: those they were replayed with.
        tolerance: the loss that saving is always worth, in the metric's unit.
        own: the policy in the pipeline file, which wins where another costs and is as much.

    Raises:
        DataError: no course has a judged batch.
    """
    known = [course for course in courses if not math.isnan(course.mean)]
    if not known:
        rule = "some batch has labels to judge by"
        raise DataError("recommendation", rule, remedy="Bring labels, or wait for them.")
    order = {
        course.policy: (course.cpu_seconds, -course.quality, course.policy != own)
        for course in known
    }
    best = min(known, key=lambda course: (-course.quality, order[course.policy]))
    compared = tuple(_compare(course, best, tolerance) for course in known)
    enough = {policy.policy: policy for policy in compared if policy.good_enough}
    chosen = min(enough.values(), key=lambda policy: order[policy.policy])
    why = _why(chosen, best, len(known), tolerance)
    return Recommendation(chosen.policy, _yaml(chosen.policy, limits), why, best.policy, compared)


def shortfall(
    best: Course, other: Course, confidence: float = CONFIDENCE, seed: int = SEED
) -> Interval:
    """Return by how much a course's mean is behind another's, with a paired interval.

    By circular block bootstrap over the batches, Politis and Romano 1992.
    """
    # both courses saw the same batches, so what made one of them hard cancels out
    pairs = zip(best.lived, other.lived, strict=True)
    gaps = np.array([first - second for (_, first), (_, second) in pairs])
    gaps = gaps if best.greater_is_better else -gaps
    count = len(gaps)
    # neighbours are drawn together, since a stale model is stale for several batches in a row;
    # blocks of n^(1/3)
    length = max(1, round(count ** (1 / 3)))
    # blocks wrap around (Politis and Romano's circle), so every batch is drawn equally often
    starts = np.random.default_rng(seed).integers(0, count, (ROUNDS, -(-count // length)))
    drawn = (starts[:, :, None] + np.arange(length)) % count
    means = gaps[drawn.reshape(ROUNDS, -1)[:, :count]].mean(axis=1)
    return percentile_interval(float(gaps.mean()), means, confidence)


def _compare(course: Course, best: Course, tolerance: float) -> PolicyComparison:
    gap = shortfall(best, course)
    return PolicyComparison(
        course.policy,
        len(course.retrainings),
        course.cpu_seconds,
        course.mean,
        gap,
        gap.low <= 0 or gap.value <= tolerance,
    )


def _yaml(policy: str, limits: Limits) -> str:
    lines = [
        "retraining:",
        f"  policy: {policy}",
        f"  cooldown: {duration_text(limits.cooldown)}",
        f"  budget: {limits.budget_text}",
    ]
    if limits.worth:
        lines.append(f"  worth: {limits.worth:g}")
    if limits.max_cost_text:
        lines.append(f"  max_cost: {limits.max_cost_text}")
    return "\n".join(lines)


def _why(chosen: PolicyComparison, best: Course, policies: int, tolerance: float) -> str:
    cost = f"{chosen.retrainings} retrainings, {_seconds(chosen.cpu_seconds)} CPU-seconds"
    mean = f"mean {best.metric} {chosen.mean:.4f} over {len(best.lived)} batches with {cost}"
    if chosen.policy == best.policy:
        return (
            f"{chosen.policy} is the best of {policies} policies, and none that costs less is "
            f"as good within noise: {mean}."
        )
    gap = chosen.behind
    near = "is not surely worse than" if gap.low <= 0 else f"comes within {tolerance:g} of"
    return (
        f"{chosen.policy} is the cheapest of {policies} policies that {near} "
        f"the best, {best.policy}: {mean}, behind by {gap.value:.4f} "
        f"[{gap.low:.4f}, {gap.high:.4f}] at {CONFIDENCE:.0%}, where the best took "
        f"{len(best.retrainings)} and {_seconds(best.cpu_seconds)}."
    )


def _seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
