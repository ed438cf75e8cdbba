"""The gate: an ordered list of named rules that returns a verdict. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.config import Gate
from tasks.pages.markdown import write_part
from tasks.pages.page import Badge, Grid
from tasks.promotion.evidence import Evidence
from tasks.promotion.rules import RULES, Outcome

Next = Literal["promote", "awaiting approval", "refused"]


@dataclass(frozen=True)
class Verdict:
    """Passed or not, with what every rule said, in order."""

    passed: bool
    rules: tuple[Outcome, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """One sentence a broken rule; empty where it passed."""
        return tuple(
            f"{outcome.rule}: {outcome.reason}" for outcome in self.rules if not outcome.passed
        )

    def to_markdown(self) -> str:
        """Return a table of every rule with its figures, also of those that passed."""
        head = "**Passed**" if self.passed else "**Refused**"
        said = Badge("passed", "good"), Badge("failed", "bad")
        rows = tuple((o.rule, said[not o.passed], o.figures, o.reason) for o in self.rules)
        return f"{head}\n\n{write_part(Grid(('rule', '', 'figures', 'reason'), rows))}\n"


def judge(evidence: Evidence, gate: Gate) -> Verdict:
    """Put the evidence before every rule; it passes when all of them do."""
    # none is skipped after a failure: the verdict shows the figures of each
    rules = tuple(rule(evidence, gate) for rule in RULES)
    return Verdict(all(outcome.passed for outcome in rules), rules)


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
