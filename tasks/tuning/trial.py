"""What a search tries and what it leaves behind, as values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tasks.models.setting import Setting
from tasks.records import MaybeNaN

Origin = Literal["defaults", "champion", "search"]
State = Literal["complete", "pruned", "failed"]
__all__ = ["Origin", "Progress", "Setting", "State", "TuningTrial", "Tuning", "mean"]


@dataclass(frozen=True)
class TuningTrial:
    """One setting judged on the folds.

    `scores` holds the metric of each fold that was judged, in order; NaN where it could not be
    scored. `seconds` is wall time, `message` says why a trial was pruned or failed.
    """

    number: int
    setting: Setting
    origin: Origin
    scores: tuple[MaybeNaN, ...]
    seconds: float
    state: State
    message: str = ""

    @property
    def mean(self) -> float:
        """The mean over the folds that could be scored; NaN when none could."""
        return mean(self.scores)


@dataclass(frozen=True)
class Progress:
    """One trial has ended: the `done`-th of at most `most`; `best` is the best mean so far."""

    done: int
    most: int
    trial: TuningTrial
    best: float


@dataclass(frozen=True)
class Tuning:
    """Everything tried, what was chosen, and why; `figures` are the numbers in `why`."""

    trials: tuple[TuningTrial, ...]
    chosen: Setting
    why: str
    metric: str
    sampler: str
    seed: int
    seconds: float
    # the time ran out before the trials did: only then may equal seeds search differently
    cut_by_timeout: bool
    figures: Mapping[str, float] = field(default_factory=dict)


def mean(scores: tuple[float, ...]) -> float:
    """Return the mean of the scores that are numbers, NaN when none is.

    >>> mean((0.5, float("nan"), 0.75))
    0.625
    """
    known = [score for score in scores if math.isfinite(score)]
    # fsum is exact: equal scores have equal means, whatever their order
    return math.fsum(known) / len(known) if known else math.nan
