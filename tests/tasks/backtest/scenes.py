"""Histories made up from a seed: models that age, batches that differ in difficulty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from tasks.backtest.history import Batch, Cell, Fit, History
from tasks.backtest.known import InformationSet, Service
from tasks.backtest.replay import Course
from tasks.policy.past import situation
from tasks.policy.situation import DriftFigure, MetricValue, Situation

START = datetime(2013, 1, 1)
DAY = timedelta(days=1)
MONTH = 30 * DAY
ROWS = 200
ARRIVED = datetime(2013, 1, 31, tzinfo=UTC)


def until(end: int) -> datetime:
    """Return the event time of the last row of a batch."""
    return START + (30 * end + 29) * DAY


def figure(
    value: float, *, around: float = 0.01, rows: int = ROWS, labelled: int = ROWS
) -> MetricValue:
    return MetricValue("accuracy", value, value - around, value + around, rows, labelled)


def history(
    count: int = 12,
    *,
    first: int = 1,
    seed: int = 1,
    fade: float = 0.01,
    upwards: bool = True,
    unlabelled: tuple[int, ...] = (),
    fitted: tuple[int, ...] | None = None,
) -> History:
    """Return monthly batches on which a model loses about `fade` a month, at random."""
    rng = np.random.default_rng(seed)
    ends = range(first, count - 1) if fitted is None else fitted
    hardness = rng.normal(0, 0.01, count)
    shifts = rng.exponential(fade, count)
    cells = {}
    for end in ends:
        for at in range(end + 1, count):
            faded = shifts[end + 1 : at + 1].sum()
            right = 0.8 - faded + hardness[at] + rng.normal(0, 0.001)
            labelled = 0 if at in unlabelled else ROWS
            errors = (rng.random(labelled) > right).astype(float)
            live = figure(right if upwards else 1 - right) if labelled else None
            drift = DriftFigure(float(min(1, faded * 5)), 0.3)
            estimated = figure(0.8 if upwards else 0.2, labelled=0)
            cells[end, at] = Cell(live, drift, estimated, errors)
    reference = figure(0.8 if upwards else 0.2)
    return History(
        batches=tuple(
            Batch(
                f"month-{at}",
                START + 30 * at * DAY,
                until(at),
                ROWS,
                0 if at in unlabelled else ROWS,
                ARRIVED + 30 * at * DAY,
            )
            for at in range(count)
        ),
        first=first,
        metric="accuracy",
        greater_is_better=upwards,
        cells=cells,
        fits={end: Fit(1.0 + end, 2.0, ROWS * (end + 1), reference, until(end)) for end in ends},
        naive={"majority": tuple(0.5 if at > first else math.nan for at in range(count))},
    )


def course(
    policy: str, values: list[float], cost: float, *, retrained: int = 0, upwards: bool = True
) -> Course:
    """Return a course with these live values by batch."""
    from tasks.backtest.replay import Step
    from tasks.policy.decision import Decision

    decision = Decision(False, policy, "nothing fired", "No retraining.", (), START)
    steps = tuple(
        Step(at, f"month-{at}", 0, figure(value), True, decision) for at, value in enumerate(values)
    )
    mean = float(np.mean(values)) if values else math.nan
    return Course(
        policy, "accuracy", upwards, steps, tuple(range(retrained)), cost, cost, mean, mean
    )


def situation_after(known: InformationSet, services: Sequence[Service], at: int) -> Situation:
    """Return the situation after batch `at`, with these models in service so far."""
    history = known.history
    first = min(services[0].since, history.first) + 1
    met = (known.met([s for s in services if s.since < b], b) for b in range(first, at + 1))
    meetings = tuple(meeting for one in met for meeting in one)
    retrained = tuple(history.batches[one.since].end for one in services[1:])
    return situation(known.past(services, at, meetings, retrained))
