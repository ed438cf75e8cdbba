"""The decision to retrain or not: a policy, a situation and the limits give one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.policy.limits import Limits, budget_objection, cooldown_objection
from tasks.policy.policy import Combination, Condition, Policy, conditions
from tasks.policy.reading import SignalReading
from tasks.policy.signals import MEASURED, read_signal
from tasks.policy.situation import Situation
from tasks.records import plain

NOTHING_FIRED = "nothing fired"


@dataclass(frozen=True)
class Decision:
    """Retrain or not, the rule that decided, a sentence that says why, and every reading.

    `rule` is the signal that fired, `nothing fired`, or what held a fired policy back:
    `already running`, `suspicious batch`, `nothing new to learn`, `cooldown`, `budget`,
    `not worth it`.
    """

    retrain: bool
    policy: str
    rule: str
    reason: str
    readings: tuple[SignalReading, ...]
    at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return dict(plain(self))


@dataclass(frozen=True)
class PolicyAnswer:
    """What a part of a policy says, and the readings that made it say so."""

    fired: bool | None
    because: tuple[SignalReading, ...]


def decide(policy: Policy, situation: Situation, limits: Limits) -> Decision:
    """Decide whether to retrain.

    Every signal that can be read is read and recorded, whatever the answer; those that the
    policy does not name are read with the pipeline's own limits. Where the policy fires, the
    rules of `HELD_BACK` are asked in order, and the first objection turns the answer to no.
    """
    named = {
        leaf: read_signal(leaf.signal, leaf.amount, situation, limits)
        for leaf in conditions(policy)
    }
    # a signal that is named with an amount is not read again with the pipeline's own limit
    known = {leaf.signal for leaf in named}
    others = (read_signal(name, None, situation, limits) for name in MEASURED if name not in known)
    readings = (*named.values(), *others)
    answer = combine_readings(policy, named)
    said = " ".join(reading.said for reading in answer.because)
    retrain, rule, reason = False, NOTHING_FIRED, f"No retraining. {said}"
    if answer.fired:
        fired = dict.fromkeys(reading.signal for reading in answer.because if reading.fired)
        retrain, rule, reason = True, " and ".join(fired), f"Retraining. {said}"
        objections = ((name, check(situation, limits)) for name, check in HELD_BACK.items())
        objection = next(((name, why) for name, why in objections if why), None)
        if objection is not None:
            rule, why = objection
            retrain, reason = False, f"No retraining, although the policy asks for it. {said} {why}"
    return Decision(retrain, str(policy), rule, reason, readings, situation.at)


def combine_readings(policy: Policy, readings: Mapping[Condition, SignalReading]) -> PolicyAnswer:
    """Put the readings together as the policy says.

    A part that cannot be evaluated counts as not fired in `any` and is left out of `all`; what
    holds nothing else cannot be evaluated itself.
    """
    if isinstance(policy, Condition):
        return PolicyAnswer(readings[policy].fired, (readings[policy],))
    answers = [combine_readings(member, readings) for member in policy.members]
    fired = _combined(policy, [part.fired for part in answers])
    # one part that fired is reason enough; the sentence of the first is told, not all of them
    if fired and policy.how == "any":
        return next(part for part in answers if part.fired)
    # parts that cannot be evaluated are told beside those that decided
    kept = (part for part in answers if part.fired in (fired, None))
    together = (reading for part in kept for reading in part.because)
    # by identity: a reading holds a dict, which has no hash, and a condition is read once
    return PolicyAnswer(fired, tuple({id(reading): reading for reading in together}.values()))


def _combined(policy: Combination, fired: list[bool | None]) -> bool | None:
    known = [answer for answer in fired if answer is not None]
    if not known:
        return None
    return any(known) if policy.how == "any" else all(known)


def _running(situation: Situation, _: Limits) -> str:
    return "A retraining is already running." if situation.running else ""


def _suspicious(situation: Situation, _: Limits) -> str:
    if not situation.suspicions:
        return ""
    return f"{' '.join(situation.suspicions)} A person has to look at the batch first."


def _nothing_new(situation: Situation, _: Limits) -> str:
    if situation.learnable is None or situation.learnable > 0:
        return ""
    return "No labelled row has come that the champion was not fitted on."


def _cooldown(situation: Situation, limits: Limits) -> str:
    return cooldown_objection(situation.at, situation.retrainings, limits)


def _budget(situation: Situation, limits: Limits) -> str:
    return budget_objection(situation.at, situation.retrainings, limits)


def _worth(situation: Situation, limits: Limits) -> str:
    expected, seconds = situation.expected_gain, situation.expected_cost
    if expected is None:
        return ""
    if limits.worth and expected < limits.worth:
        return (
            f"The expected gain of {expected:.4f} is under the {limits.worth:g} it must be worth."
        )
    if limits.max_cost is None or seconds is None or seconds <= limits.max_cost * expected:
        return ""
    return (
        f"Not worth it: it is expected to cost {seconds:.0f} CPU seconds and to gain "
        f"{expected:+.4f}; at most {limits.max_cost * 0.001:g} are to be spent for each +0.001."
    )


# The first objection is the one that a person reads, so the order is part of every recorded
# reason: tests/tasks/monitoring replays a year of them.
HELD_BACK: Mapping[str, Callable[[Situation, Limits], str]] = {
    "already running": _running,
    "suspicious batch": _suspicious,
    "nothing new to learn": _nothing_new,
    "cooldown": _cooldown,
    "budget": _budget,
    "not worth it": _worth,
}
