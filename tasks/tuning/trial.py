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
    scored. `seconds` is wall time, `cpu_seconds` that of all threads
    (None in what 0.1.0 kept), `message` says why a trial was pruned or failed.
    """

    number: int
    setting: Setting
    origin: Origin
    scores: tuple[MaybeNaN, ...]
    seconds: float
    state: State
    message: str = ""
    cpu_seconds: float | None = None

    @property
    def mean(self) -> float:
        """The mean over the folds that could be scored; NaN when none could."""
        return mean(self.scores)


@dataclass(frozen=True)
class Progress:
    """One trial has ended: the `done`-th of at most `most`.

    `best` is the best mean so far of those that were judged on all `folds`, NaN before the first.
    """

    done: int
    most: int
    trial: TuningTrial
    best: float
    folds: int

    @property
    def text(self) -> str:
        """One line; a mean over fewer folds is no rival of the whole ones, and says so.

        >>> trial = TuningTrial(28, Setting("linear", {}), "search", (0.5, 0.52), 1.0, "pruned")
        >>> Progress(29, 33, trial, 0.5016, 5).text
        'Trial 29 of at most 33: linear search 0.5100, dropped after 2 of 5 folds (best 0.5016)'
        """
        trial = self.trial
        told = f"{trial.mean:.4f}" if math.isfinite(trial.mean) else "no score"
        if trial.state == "pruned":
            told += f", dropped after {len(trial.scores)} of {self.folds} folds"
        elif trial.state == "failed":
            told = f"failed: {trial.message}"
        best = f" (best {self.best:.4f})" if math.isfinite(self.best) else ""
        place = f"Trial {self.done} of at most {self.most}"
        return f"{place}: {trial.setting.family} {trial.origin} {told}{best}"


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

    def say_setting(self, setting: Setting) -> str:
        """Say of a tuned challenger's setting where it comes from: a search may keep defaults."""
        same = (trial for trial in self.trials if trial.setting.text == setting.text)
        trial = next(same, None)
        origins = {"defaults": "its defaults", "champion": "the champion's setting"}
        return origins.get(trial.origin, "tuned") if trial else "tuned"


def mean(scores: tuple[float, ...]) -> float:
    """Return the mean of the scores that are numbers, NaN when none is.

    >>> mean((0.5, float("nan"), 0.75))
    0.625
    """
    known = [score for score in scores if math.isfinite(score)]
    # fsum is exact: equal scores have equal means, whatever their order
    return math.fsum(known) / len(known) if known else math.nan
