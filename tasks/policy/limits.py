"""What holds a policy back, and the limits of signals that name none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tasks.policy.amounts import duration_text
from tasks.policy.reading import days_text
from tasks.quantities import Budget


@dataclass(frozen=True)
class Limits:
    """How often a pipeline may be retrained, and what it must be worth.

    Attributes:
        cooldown: the least time between two retrainings, by the data's clock.
        budget: the most retrainings in any window of its length.
        worth: the least expected gain, in the metric's unit or for an error as a share of it;
            0 asks for none.
        drop: what the performance signals fire at where the policy names no amount.
        max_cost: the most CPU seconds for each unit of expected gain; None asks for none.
        quality: what `quality` fires at where the policy names no amount.
    """

    cooldown: timedelta = timedelta(days=1)
    budget: Budget = field(default=Budget(8, timedelta(days=30)))
    worth: float = 0.0
    drop: float = 0.02
    quality: float = 0.2
    max_cost: float | None = None

    @property
    def budget_text(self) -> str:
        """The budget as the pipeline file writes it.

        >>> Limits().budget_text
        '8 per 30d'
        """
        return f"{self.budget.count} per {duration_text(self.budget.window)}"

    @property
    def max_cost_text(self) -> str | None:
        """What a gain may cost as the pipeline file writes it; None where nothing is asked.

        >>> Limits(max_cost=60_000.0).max_cost_text
        '60s per 0.001'
        """
        return None if self.max_cost is None else f"{self.max_cost * 0.001:g}s per 0.001"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, written as in the pipeline file."""
        return {
            **vars(self),
            "cooldown": duration_text(self.cooldown),
            "budget": self.budget_text,
            "max_cost": self.max_cost_text,
        }


def cooldown_objection(at: datetime, retrainings: Sequence[datetime], limits: Limits) -> str:
    """Return why it is too early for another retraining, or nothing."""
    if not retrainings:
        return ""
    since = at - max(retrainings)
    if since >= limits.cooldown:
        return ""
    ago, cooldown = days_text(since), days_text(limits.cooldown)
    return f"The last one was {ago} ago, and the cooldown is {cooldown}."


def budget_objection(at: datetime, retrainings: Sequence[datetime], limits: Limits) -> str:
    """Return why another retraining is one too many, or nothing."""
    budget = limits.budget
    # the window ends now, and its start is no part of it: 8 per 30d lets a ninth in on day 30
    spent = sum(at - time < budget.window for time in retrainings)
    if spent < budget.count:
        return ""
    return f"The budget of {budget.count} in {days_text(budget.window)} is spent."
