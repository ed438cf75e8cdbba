"""Why one row got its prediction, as a value. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tasks.models.attribution import Method, Scale
from tasks.records import plain

MOST = 3


@dataclass(frozen=True)
class Contribution:
    """What one raw column adds: `shown` is its value in the row, `says` what it does, in words."""

    column: str
    value: float
    shown: str
    says: str = ""


@dataclass(frozen=True)
class Explanation:
    """One prediction taken apart.

    Attributes:
        scale: of `base` and the contributions: "log-odds" (of a class before the logistic
            function or the softmax), "probability", or "value" (the target's unit).
        of: what is explained: "late", "species = setosa", or the target of a regression.
        prediction: what the model answers: the probability of what is explained, or the value.
        base: where every prediction starts.
        contributions: one a raw column, the largest first.
        rest: see `Attributed`; 0 but for log-odds of several classes.
        fit: R² of LIME's linear model around the row; None where the sum is exact.
    """

    method: Method
    scale: Scale
    of: str
    prediction: float
    base: float
    contributions: tuple[Contribution, ...]
    rest: float = 0.0
    fit: float | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """The largest contributions as sentences.

        >>> parts = (Contribution("hour", 2.0, "19.5", "raises late by 2"),)
        >>> Explanation("tree_shap", "value", "late", 3.0, 1.0, parts).reasons
        ('hour is 19.5: raises late by 2',)
        """
        largest = [part for part in self.contributions[:MOST] if part.value]
        return tuple(f"{part.column} is {part.shown}: {part.says}" for part in largest)

    def to_dict(self) -> dict[str, Any]:
        """Return strict JSON."""
        return {**plain(self), "reasons": list(self.reasons)}


def inverse_link(scale: Scale, score: float, rest: float = 0.0) -> float:
    """Return what a sum on the scale means: a probability, or the sum itself.

    >>> inverse_link("log-odds", 0.0), inverse_link("log-odds", -800.0), inverse_link("value", 3.5)
    (0.5, 0.0, 3.5)
    """
    if scale != "log-odds":
        return score
    apart = score - rest
    # exp overflows beyond 709; the chance is nothing long before
    if apart < -700:
        return 0.0
    return 1 / (1 + math.exp(-apart))
