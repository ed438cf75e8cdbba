"""What to try next and what to give up on: the door of Optuna.

The study lives in memory and runs one trial at a time, so equal seeds give equal proposals.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.trial import TrialState

from tasks.errors import bounded
from tasks.tuning.trial import Setting, TuningTrial, mean

if TYPE_CHECKING:
    from tasks.models.family import Family

SAMPLERS = ("tpe", "random", "grid")
STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
# The median of fewer finished trials is a poor judge of the next one.
FINISHED_BEFORE_PRUNING = 4


@dataclass(frozen=True)
class Proposal:
    """A setting to try; or none, and the reason why the family could not suggest one."""

    setting: Setting
    fault: str
    asked: Any


class Proposals:
    """Proposes settings of the given families by TPE, at random, or from their grids.

    The space is conditional on the family, whose name every parameter bears.
    """

    def __init__(
        self, families: Mapping[str, Family], sampler: str, seed: int, *, greater_is_better: bool
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._families = dict(families)
        self._grid = _shuffle_grid(families, seed) if sampler == "grid" else None
        self._study = optuna.create_study(
            direction="maximize" if greater_is_better else "minimize",
            sampler=_sampler(sampler, seed),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=FINISHED_BEFORE_PRUNING),
        )

    def count(self, trials: int) -> int:
        """Return how many of `trials` proposals there are: a grid may hold fewer."""
        if not self._families:
            return 0
        return trials if self._grid is None else min(trials, len(self._grid))

    def ask(self, number: int) -> Proposal:
        """Return the proposal of this number, counted from 0."""
        asked = self._study.ask()
        if self._grid is not None:
            return Proposal(self._grid[number], "", asked)
        name = asked.suggest_categorical("family", list(self._families))
        try:
            return Proposal(Setting.of(name, self._families[name].suggest(asked)), "", asked)
        # told as a failed trial: one family without a space must not end the search of the others
        except Exception as error:
            fault = f"{type(error).__name__}: {bounded(error, 500)}"
            return Proposal(Setting(name, {}), fault, asked)

    def hopeless(self, proposal: Proposal, scores: tuple[float, ...]) -> str:
        """Say why a trial with these scores so far is not worth another fold; "" if it is."""
        # Optuna's pruner gives up on NaN at once; a fold without a score says nothing
        if math.isnan(mean(scores)):
            return ""
        proposal.asked.report(mean(scores), step=len(scores) - 1)
        if not proposal.asked.should_prune():
            return ""
        return f"below the median of the other trials after fold {len(scores)}"

    def tell(self, proposal: Proposal, trial: TuningTrial) -> None:
        """Let the next proposals learn from how this one did."""
        value = trial.mean if trial.state == "complete" else None
        # the last fold too: the medians that later trials are pruned by look at it
        if value is not None and trial.scores:
            proposal.asked.report(value, step=len(trial.scores) - 1)
        self._study.tell(proposal.asked, value, STATES[trial.state])

    def know(self, trial: TuningTrial) -> None:
        """Let the proposals learn from a trial that was not proposed here."""
        if trial.state != "complete":
            return
        params, space = self._placed(trial.setting)
        running = (mean(trial.scores[: step + 1]) for step in range(len(trial.scores)))
        steps = {step: value for step, value in enumerate(running) if not math.isnan(value)}
        self._study.add_trial(
            optuna.trial.create_trial(
                value=trial.mean, params=params, distributions=space, intermediate_values=steps
            )
        )

    def _placed(self, setting: Setting) -> tuple[dict[str, Any], dict[str, Any]]:
        """Find the setting in its family's space; empty where it lies outside."""
        name = setting.family
        if name not in self._families:
            return {}, {}
        family = self._families[name]
        # Optuna takes a value outside the space with a warning; the filter below makes it an error
        fixed = optuna.trial.FixedTrial({"family": name, **family.trial_params(setting.params)})
        fixed.suggest_categorical("family", list(self._families))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                inside = Setting.of(name, family.suggest(fixed)).text == setting.text
        # a champion of an older release may lack a parameter, or have one that is no more
        except Exception:
            inside = False
        return (fixed.params, fixed.distributions) if inside else ({}, {})


def _shuffle_grid(families: Mapping[str, Family], seed: int) -> tuple[Setting, ...]:
    settings = [
        Setting.of(name, params)
        for name, family in families.items()
        for params in family.settings()
    ]
    # shuffled, so that a budget smaller than the grid still sees all of it thinly
    order = np.random.default_rng(seed).permutation(len(settings))
    return tuple(settings[place] for place in order)


def _sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    # a grid is walked without asking the sampler
    if name != "tpe":
        return optuna.samplers.RandomSampler(seed=seed)
    # `group` models the joint distribution within each family, by the parameters that a trial has;
    # Optuna 5 warns of both options at each start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)
