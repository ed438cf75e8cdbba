"""The gate: an ordered list of named rules that returns a verdict. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tasks.config import Gate
from tasks.pages.markdown import write_part
from tasks.pages.page import Badge, Grid
from tasks.promotion.evidence import Evidence
from tasks.promotion.rule import Outcome
from tasks.promotion.rules import KEYS, RULES, may_warn

Next = Literal["promote", "awaiting approval", "refused"]


@dataclass(frozen=True)
class Verdict:
    """Passed or not, with what every rule said, in order; one that only warns hinders nothing."""

    passed: bool
    rules: tuple[Outcome, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """One sentence a broken rule; empty where it passed."""
        return tuple(f"{o.rule}: {o.reason}" for o in self.rules if not (o.passed or o.warns))

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence a rule that did not hold, and was let through for a first model."""
        return tuple(f"{o.rule}: {o.reason}" for o in self.rules if o.warns)

    def ways_through(self, pipeline: str, version: int, command: str = "promote") -> str:
        """Say what would put a refused version in service; empty where it passed.

        >>> rule = Outcome("calibrated", False, "0.11", "over", keys=("gate.a", "gate.b"))
        >>> Verdict(False, (rule,)).ways_through("toy", 3)
        'What lets it through: gate.a or gate.b in toy.yaml, then `perennial train toy`; or \
`perennial promote toy 3 --override "WHY"`.'
        """
        if self.passed:
            return ""
        keys = " or ".join(dict.fromkeys(key for outcome in self.rules for key in outcome.keys))
        file = f"{keys} in {pipeline}.yaml, then `perennial train {pipeline}`; or " if keys else ""
        override = f'`perennial {command} {pipeline} {version} --override "WHY"`'
        return f"What lets it through: {file}{override}."

    def to_markdown(self) -> str:
        """Return a table of every rule with its figures, also of those that passed."""
        head = "**Passed**" if self.passed else "**Refused**"
        rows = tuple((o.rule, _badge(o), o.figures, o.reason) for o in self.rules)
        return f"{head}\n\n{write_part(Grid(('rule', '', 'figures', 'reason'), rows))}\n"


def judge(evidence: Evidence, gate: Gate) -> Verdict:
    """Put the evidence before every rule; it passes when all of them do, or only warn."""
    # none is skipped after a failure: the verdict shows the figures of each
    rules = tuple(_weighed(rule(evidence, gate), evidence, gate) for rule in RULES)
    return Verdict(all(outcome.passed or outcome.warns for outcome in rules), rules)


def _weighed(outcome: Outcome, evidence: Evidence, gate: Gate) -> Outcome:
    if outcome.passed:
        return outcome
    soft = may_warn(outcome, evidence)
    if soft and gate.first == "lenient":
        return replace(outcome, warns=True)
    keys = KEYS.get(outcome.rule, ())
    return replace(outcome, keys=(*keys, "gate.first: lenient") if soft else keys)


def _badge(outcome: Outcome) -> Badge:
    return Badge(outcome.word, "good" if outcome.passed else "warn" if outcome.warns else "bad")


def follows(verdict: Verdict, gate: Gate) -> Next:
    """Return what a verdict leads to under the pipeline's `approval`.

    >>> follows(Verdict(True, ()), Gate(approval="manual"))
    'awaiting approval'
    >>> follows(Verdict(False, ()), Gate(approval="manual"))
    'refused'
    """
    if not verdict.passed:
        return "refused"
    return "promote" if gate.approval == "auto" else "awaiting approval"
