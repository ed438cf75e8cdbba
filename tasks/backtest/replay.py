"""Replays a history under a policy, test then train.

After every batch the model in service has predicted it (that is the test), the labels that have
come by then are looked at, and the policy is asked. A yes puts the newest model that could have
been fitted by then into service, from the next batch on.

Test then train, or prequential evaluation: Gama, Sebastião and Rodrigues, On evaluating stream
learning algorithms, Machine Learning 90, 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from tasks.backtest.history import History
from tasks.backtest.known import Delay, InformationSet, Service
from tasks.policy.decision import Decision, decide
from tasks.policy.limits import Limits
from tasks.policy.past import Meeting, situation
from tasks.policy.policy import Policy
from tasks.policy.situation import MetricValue, finite


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

    def to_dict(self, *, readings: bool = False) -> dict[str, Any]:
        """Return JSON values; `readings` adds every signal's figures."""
        decision = self.decision.to_dict()
        if not readings:
            del decision["readings"], decision["policy"]
        return {
            "batch": self.batch,
            "name": self.name,
            "model_end": self.model_end,
            "live": None if self.live is None else self.live.to_dict(),
            "judged": self.judged,
            "decision": decision,
        }


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

    def to_dict(self, *, readings: bool = False) -> dict[str, Any]:
        """Return JSON values; `readings` adds every signal's figures to every decision."""
        names = {step.batch: step.name for step in self.steps}
        return {
            "policy": self.policy,
            "metric": self.metric,
            "greater_is_better": self.greater_is_better,
            "mean": finite(self.mean),
            "weighted_mean": finite(self.weighted_mean),
            "retrainings": [{"batch": batch, "name": names[batch]} for batch in self.retrainings],
            "cpu_seconds": self.cpu_seconds,
            "seconds": self.seconds,
            "steps": [step.to_dict(readings=readings) for step in self.steps],
        }


def replay_all(
    history: History, policies: Sequence[Policy], limits: Limits, label_delay: Delay = 0
) -> tuple[Course, ...]:
    """Replay a history under each of several policies, which share what was computed."""
    known = InformationSet(history, label_delay)
    return tuple(_replayed(known, policy, limits) for policy in policies)


def replay(history: History, policy: Policy, limits: Limits, label_delay: Delay = 0) -> Course:
    """Replay a history under a policy.

    Args:
        history: what happened, with every model fitted.
        policy: what is asked after every batch.
        limits: what holds it back; the first model counts as no retraining.
        label_delay: how long labels take, in batches or as a time.

    Raises:
        DataError: the delay is below zero, or an error is not in 0 to 1.
    """
    return _replayed(InformationSet(history, label_delay), policy, limits)


def _replayed(known: InformationSet, policy: Policy, limits: Limits) -> Course:
    history = known.history
    services = [Service(history.first, history.first)]
    judged, steps = frozenset(history.judged), []
    meetings: list[Meeting] = []
    retrained: list[datetime] = []
    for number in history.replayed:
        service = services[-1]
        meetings += known.met(services, number)
        past = known.past(services, number, tuple(meetings), tuple(retrained))
        decision = decide(policy, situation(past), limits)
        live = history.cells[service.end, number].live
        name = history.batches[number].name
        steps.append(Step(number, name, service.end, live, number in judged, decision))
        if decision.retrain and number < history.replayed[-1]:
            services.append(Service(known.learnable(number), number))
            retrained.append(decision.at)
    fits = [history.fits[service.end] for service in services[1:]]
    mean, weighted = _means(history, steps)
    return Course(
        str(policy),
        history.metric,
        history.greater_is_better,
        tuple(steps),
        tuple(service.since for service in services[1:]),
        sum(fit.cpu_seconds for fit in fits),
        sum(fit.seconds for fit in fits),
        mean,
        weighted,
    )


def _means(history: History, steps: Sequence[Step]) -> tuple[float, float]:
    kept = [step for step in steps if step.judged]
    if not kept:
        return float("nan"), float("nan")
    values = np.array([history.values[step.model_end, step.batch] for step in kept])
    weights = np.array([max(history.batches[step.batch].labelled, 1) for step in kept])
    return float(values.mean()), float(np.average(values, weights=weights))
