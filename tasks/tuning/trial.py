"""What a search tries and what it leaves behind, as values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Origin = Literal["defaults", "champion", "search"]
State = Literal["complete", "pruned", "failed"]
NAN = float("nan")


@dataclass(frozen=True)
class Setting:
    """A model family and its parameters, as JSON holds them."""

    family: str
    params: Mapping[str, Any]

    @classmethod
    def of(cls, family: str, params: Mapping[str, Any]) -> Setting:
        """Return the setting with its parameters as plain JSON: lists, not tuples or NumPy.

        >>> Setting.of("mlp", {"layers": (64, 32)}).params
        {'layers': [64, 32]}
        """
        return cls(family, json.loads(json.dumps(dict(params), default=_plain)))

    @property
    def text(self) -> str:
        """The setting as one canonical line; equal settings have equal texts."""
        return f"{self.family} {json.dumps(dict(self.params), sort_keys=True)}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"family": self.family, "params": dict(self.params)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Setting:
        """Read what `to_dict` wrote."""
        return cls(content["family"], dict(content["params"]))


@dataclass(frozen=True)
class Trial:
    """One setting judged on the folds.

    `scores` holds the metric per fold that was judged, in order; NaN where the fold could not
    be scored. `seconds` is the wall time of its fits and judgements. `message` says why a trial
    was pruned or failed.
    """

    number: int
    setting: Setting
    origin: Origin
    scores: tuple[float, ...]
    seconds: float
    state: State
    message: str = ""

    @property
    def mean(self) -> float:
        """The mean over the folds that could be scored; NaN when none could."""
        return mean(self.scores)

    def to_dict(self) -> dict[str, Any]:
        """Return strict JSON; NaN becomes null."""
        scores = [score if math.isfinite(score) else None for score in self.scores]
        setting = self.setting.to_dict()
        return {
            "number": self.number,
            "setting": setting,
            "origin": self.origin,
            "scores": scores,
            "seconds": self.seconds,
            "state": self.state,
            "message": self.message,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Trial:
        """Read what `to_dict` wrote."""
        scores = tuple(NAN if score is None else float(score) for score in content["scores"])
        setting = Setting.from_dict(content["setting"])
        return cls(**{**content, "scores": scores, "setting": setting})


@dataclass(frozen=True)
class Progress:
    """One trial has ended: the `done`-th of at most `most`; `best` is the best mean so far."""

    done: int
    most: int
    trial: Trial
    best: float


@dataclass(frozen=True)
class Tuning:
    """Everything tried, what was chosen, and why.

    `figures` are the numbers in `why`. `cut_by_timeout` says that the time ran out before the
    trials did; only then may a second run with the same seed differ.
    """

    trials: tuple[Trial, ...]
    chosen: Setting
    why: str
    metric: str
    sampler: str
    seed: int
    seconds: float
    cut_by_timeout: bool
    figures: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return strict JSON."""
        return {
            "trials": [trial.to_dict() for trial in self.trials],
            "chosen": self.chosen.to_dict(),
            "why": self.why,
            "metric": self.metric,
            "sampler": self.sampler,
            "seed": self.seed,
            "seconds": self.seconds,
            "cut_by_timeout": self.cut_by_timeout,
            "figures": dict(self.figures),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Tuning:
        """Read what `to_dict` wrote."""
        trials = tuple(Trial.from_dict(trial) for trial in content["trials"])
        chosen = Setting.from_dict(content["chosen"])
        return cls(**{**content, "trials": trials, "chosen": chosen})


def mean(scores: tuple[float, ...]) -> float:
    """Return the mean of the scores that are numbers, NaN when none is.

    >>> mean((0.5, float("nan"), 0.75))
    0.625
    """
    known = [score for score in scores if math.isfinite(score)]
    return math.fsum(known) / len(known) if known else NAN


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a parameter is a number, text, boolean, null or a list; got {value!r}")
