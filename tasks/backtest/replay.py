"""Replays a history under a policy, test then train. Pure.

Prequential evaluation: Gama, Sebastião and Rodrigues, On evaluating stream learning algorithms,
Machine Learning 90, 2013.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from tasks.backtest.history import History
from tasks.backtest.known import AT_ONCE, InformationSet, Service
from tasks.policy.decision import Decision, decide
from tasks.policy.limits import Limits
from tasks.policy.past import Meeting, situation
from tasks.policy.policy import Policy
from tasks.policy.situation import MetricValue
from tasks.records import plain


@dataclass(frozen=True)
class Step:
    """One batch: the model that met it, how that went, and what was decided after it.

    `live` is the truth, also where its labels came too late for the decision; `judged` says
    whether it counts in the course's means.
    """

    batch: int
    name: str
    model_end: int
    live: MetricValue | None
    judged: bool
    decision: Decision


@dataclass(frozen=True)
class Course:
    """What a policy would have done with a history.

    Attributes:
        policy: its canonical text.
        metric, greater_is_better: what the means are of.
        steps: one a replayed batch.
        retrainings: the batches after which a new model took over. A yes after the last batch
            stands in its step only: that model serves nothing here, so it costs nothing.
        cpu_seconds, seconds: of the retrainings; the first model is nobody's cost.
        mean: of the live metric over the judged batches; NaN without one.
        weighted_mean: the same, weighted by labelled rows.
    """

    policy: str
    metric: str
    greater_is_better: bool
    steps: tuple[Step, ...]
    retrainings: tuple[int, ...]
    cpu_seconds: float
    seconds: float
    mean: float
    weighted_mean: float

    @property
    def quality(self) -> float:
        """The mean so that greater is better; without one it is the worst."""
        if math.isnan(self.mean):
            return -math.inf
        return self.mean if self.greater_is_better else -self.mean

    @property
    def lived(self) -> list[tuple[int, float]]:
        """The judged batches, each with the live metric of the model that met it."""
        return [(step.batch, step.live.value) for step in self.steps if step.judged and step.live]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        names = {step.batch: step.name for step in self.steps}
        retrainings = [{"batch": batch, "name": names[batch]} for batch in self.retrainings]
        steps = [{**vars(step), "decision": _shorten(step.decision)} for step in self.steps]
        told = {**vars(self), "retrainings": retrainings, "steps": steps}
        return dict(plain(told, nan_as_null=True))


def _shorten(decision: Decision) -> dict[str, Any]:
    # every reading of every policy at every batch would be most of the document
    return {
        name: value for name, value in vars(decision).items() if name not in ("policy", "readings")
    }


def replay_all(
    history: History,
    policies: Sequence[Policy],
    limits: Limits,
    label_delay: timedelta = AT_ONCE,
) -> tuple[Course, ...]:
    """Replay a history under each of several policies, which share what was computed.

    The first model counts as no retraining.

    Raises:
        DataError: the delay is below zero, or an error is not in 0 to 1.
    """
    known = InformationSet(history, label_delay)
    return tuple(_replay(known, policy, limits) for policy in policies)


def _replay(known: InformationSet, policy: Policy, limits: Limits) -> Course:
    history = known.history
    services = [Service(history.first, history.first)]
    judged, steps = frozenset(history.judged), []
    meetings: list[Meeting] = []
    retrained: list[datetime] = []
    for number in history.replayed:
        # the model in service has met the batch before anybody may learn from it
        service = services[-1]
        meetings += known.met(services, number)
        past = known.past(services, number, tuple(meetings), tuple(retrained))
        decision = decide(policy, situation(past), limits)
        live = history.cells[service.end, number].live
        name = history.batches[number].name
        steps.append(Step(number, name, service.end, live, number in judged, decision))
        if decision.retrain and number < history.replayed[-1]:
            # it takes over from the next batch on, fitted on what had labels by now
            services.append(Service(known.learnable(number), number))
            retrained.append(decision.at)
    fits = [history.fits[service.end] for service in services[1:]]
    mean, weighted = _means(history, steps)
    return Course(
        policy=str(policy),
        metric=history.metric,
        greater_is_better=history.greater_is_better,
        steps=tuple(steps),
        retrainings=tuple(service.since for service in services[1:]),
        cpu_seconds=sum(fit.cpu_seconds for fit in fits),
        seconds=sum(fit.seconds for fit in fits),
        mean=mean,
        weighted_mean=weighted,
    )


def _means(history: History, steps: Sequence[Step]) -> tuple[float, float]:
    kept = [step for step in steps if step.judged]
    if not kept:
        return math.nan, math.nan
    values = np.array([history.values[step.model_end, step.batch] for step in kept])
    weights = np.array([max(history.batches[step.batch].labelled, 1) for step in kept])
    return float(values.mean()), float(np.average(values, weights=weights))
