"""Which of the tried settings to train with.

Tuning looks at many settings and keeps the best, so the best looks better than it is; under
drift that luck does not come again. A tuned setting must therefore be better than the best
family's defaults by more than the folds' spread.

The spread is the standard error of the paired differences per fold. With a few folds one
setting's own error says little, so the median error of all tuned settings is used where it is
larger. Of m settings the luckiest lies about sqrt(2 ln m) errors high (the expected maximum of
m normal draws is below that), so the spread is that multiple of the error; once for m up to 1.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.errors import DataError
from tasks.tuning.trial import Setting, TuningTrial, mean

# Of means: equal scores may differ by the order of additions, and that is no gain.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Choice:
    """The setting to train with, a sentence that says why, and the figures in it."""

    setting: Setting
    why: str
    figures: Mapping[str, float]


def select_setting(trials: Sequence[TuningTrial], *, greater_is_better: bool = True) -> Choice:
    """Choose among the trials that were judged on every fold.

    Between families' defaults the best mean wins; equal means go to the one that took fewer
    seconds. The best tuned setting is preferred when it is better by more than the spread.

    Raises:
        DataError: no trial was judged on every fold; the failures are named.

    >>> folds, plain, other = (0.70, 0.72, 0.71), Setting("linear", {}), Setting("linear", {"c": 2})
    >>> default = TuningTrial(0, plain, "defaults", folds, 1, "complete")
    >>> tuned = TuningTrial(1, other, "search", (0.74, 0.71, 0.70), 1, "complete")
    >>> select_setting([default, tuned]).why
    "linear defaults: 0.71; best tuned linear 0.7167 is within the folds' spread of 0.017"
    """
    sign = 1.0 if greater_is_better else -1.0
    known = [t for t in trials if t.state == "complete" and math.isfinite(t.mean)]
    plain = [trial for trial in known if trial.origin == "defaults"]
    tuned = [trial for trial in known if trial.origin != "defaults"]
    if not known:
        faults = "; ".join(f"{trial.setting.family}: {trial.message}" for trial in trials)
        raise DataError(
            "tuning",
            "at least one setting can be fitted and scored on the folds",
            faults or "no trial",
            "See that the folds hold enough rows and more than one class.",
        )
    if not plain:
        best = _best(tuned, sign)
        why = f"{best.setting.family} {_of(best)}: {best.mean:.4g}; no family's defaults ran"
        return Choice(best.setting, why, {"tuned": best.mean})
    default = _best(plain, sign)
    if not tuned:
        why = f"{_named(default)}, the best of {len(plain)}; no tuned setting ran on every fold"
        return Choice(default.setting, why, {"default": default.mean})
    # pruned ones too: the luck of the best grows with all that had a chance to be it
    looked = sum(1 for trial in trials if trial.origin != "defaults" and trial.scores)
    return _weigh(default, _best(tuned, sign), _needed_gain(default, tuned, looked, sign), sign)


def _needed_gain(
    default: TuningTrial, tuned: Sequence[TuningTrial], looked: int, sign: float
) -> float:
    """Return by how much the best of `looked` tuned settings must be better than the defaults."""
    own = _error(_gaps(_best(tuned, sign), default))
    typical = statistics.median(_error(_gaps(trial, default)) for trial in tuned)
    luck = math.sqrt(2 * math.log(looked)) if looked > 1 else 1.0
    return max(own, typical) * max(1.0, luck)


def _weigh(default: TuningTrial, tuned: TuningTrial, needed: float, sign: float) -> Choice:
    gain = sign * mean(tuple(_gaps(tuned, default)))
    figures = {"default": default.mean, "tuned": tuned.mean, "gain": gain, "spread": needed}
    figures = {key: value for key, value in figures.items() if math.isfinite(value)}
    amount = f"the folds' spread of {needed:.2g}"
    name = f"{tuned.setting.family} {tuned.mean:.4g}"
    if gain - needed > ROUNDING:
        why = (
            f"tuned {name} ({_of(tuned)}) is better than {_named(default)} by {gain:.2g}, "
            f"more than {amount}"
        )
        return Choice(tuned.setting, why, figures)
    if gain <= 0:
        why = f"{_named(default)}; best tuned {name} is not better"
    elif math.isinf(needed):
        why = f"{_named(default)}; best tuned {name}, but one fold shows no spread to judge by"
    else:
        why = f"{_named(default)}; best tuned {name} is within {amount}"
    return Choice(default.setting, why, figures)


def _best(trials: Sequence[TuningTrial], sign: float) -> TuningTrial:
    # rounded as ROUNDING says, so that of two alike the faster one wins
    return min(trials, key=lambda trial: (-sign * round(trial.mean, 12), trial.seconds))


def _gaps(trial: TuningTrial, default: TuningTrial) -> list[float]:
    # on the folds that both could be scored on: other pairs say nothing of the difference
    pairs = zip(trial.scores, default.scores, strict=True)
    return [ours - theirs for ours, theirs in pairs if math.isfinite(ours - theirs)]


def _error(gaps: list[float]) -> float:
    """Return the standard error of the mean difference; infinite with under two folds."""
    return float(np.std(gaps, ddof=1)) / math.sqrt(len(gaps)) if len(gaps) > 1 else math.inf


def _named(trial: TuningTrial) -> str:
    return f"{trial.setting.family} defaults: {trial.mean:.4g}"


def _of(trial: TuningTrial) -> str:
    return "the champion's setting" if trial.origin == "champion" else f"trial {trial.number}"
