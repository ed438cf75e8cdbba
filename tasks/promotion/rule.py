"""What one rule of the gate is, and says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tasks.config import Gate
from tasks.evaluation.bootstrap import Interval
from tasks.promotion.evidence import Evidence


@dataclass(frozen=True)
class Outcome:
    """What one rule said: its figures always, its reason as a sentence.

    Of a rule that did not pass, `warns` says that it only warns, and `keys` what in the pipeline
    file would let it through.
    """

    rule: str
    passed: bool
    figures: str
    reason: str
    warns: bool = False
    keys: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        return "passed" if self.passed else "warning" if self.warns else "failed"


Rule = Callable[[Evidence, Gate], Outcome]


def number(value: float) -> str:
    """Return a figure as the rules show it.

    >>> number(0.123456)
    '0.1235'
    """
    return f"{value:.4g}"


def shown(interval: Interval) -> str:
    """Return a figure with its interval."""
    return f"{interval.value:.4g} [{interval.low:.4g}, {interval.high:.4g}]"
