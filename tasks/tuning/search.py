"""The search for a setting.

Order: the untuned defaults of every family, on all folds and whatever the time; then the
champion's setting; then up to `trials` settings of the two families whose defaults did best,
since a family far behind on its defaults seldom wins and would spend the time of the others.
The search space is conditional on the family. After
each fold a trial whose running mean is below the median of the others is pruned.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from tasks.arrays import Array
from tasks.errors import ConfigurationError
from tasks.evaluation.metrics import METRICS
from tasks.tuning.judging import Bench
from tasks.tuning.proposals import SAMPLERS, Proposals
from tasks.tuning.selection import select_setting
from tasks.tuning.trial import NAN, Progress, Setting, Tuning, TuningTrial

if TYPE_CHECKING:
    from tasks.dataset.split import Fold
    from tasks.features.schema import Columns
    from tasks.models.family import Family

Say = Callable[[Progress], None]
# A family far behind on its defaults seldom wins, and would spend the time of the others.
FAMILIES_SEARCHED = 2
__all__ = ["Progress", "Setting", "TuningTrial", "Tuning", "search_settings"]


def search_settings(
    frame: pd.DataFrame,
    y: Array,
    folds: Sequence[Fold],
    *,
    task: str,
    metric: str,
    families: Mapping[str, Family],
    columns: Columns,
    champion: Setting | None = None,
    trials: int = 30,
    seconds: float = 600.0,
    sampler: str = "tpe",
    seed: int = 7,
    say: Say = lambda _: None,
) -> Tuning:
    """Try settings on forward-chaining folds and choose one.

    Args:
        frame: n prepared rows; `columns` names its number and its category columns.
        y: (n,) class indices 0..k-1, or values for regression.
        folds: rows to fit on and later rows to judge on.
        task, metric: what is predicted, and the metric that decides.
        families: those that do not serve the task are left out.
        champion: the setting in service, tried before any proposal; None for none.
        trials: proposals at most, beside defaults and champion.
        seconds: time budget, checked between folds; the defaults are judged in any case.
        sampler: tpe, random or grid.
        say: called as each trial ends.

    Raises:
        ConfigurationError: no family serves the task, or the sampler is unknown.
        DataError: no setting could be judged on the folds.
    """
    served = {name: family for name, family in families.items() if task in family.tasks}
    if not served:
        raise ConfigurationError("families", f"one serves {task}", ", ".join(families) or "none")
    if sampler not in SAMPLERS:
        raise ConfigurationError("sampler", f"it is one of {', '.join(SAMPLERS)}", sampler)
    bench = Bench(frame, y, folds, task, METRICS[metric], served, columns, seed)
    started = time.monotonic()
    search = SettingSearch(bench, sampler, trials, started + seconds, say)
    search.run(champion)
    return search.result(time.monotonic() - started)


@dataclass
class SettingSearch:
    """One search under way; `deadline` is in `time.monotonic` seconds."""

    bench: Bench
    sampler: str
    trials: int
    deadline: float
    say: Say
    done: list[TuningTrial] = field(default_factory=list)
    most: int = 0
    cut: bool = False

    def run(self, champion: Setting | None) -> None:
        """Judge the defaults, the champion's setting and what is proposed, in that order."""
        self.most = len(self.bench.families) + self.trials
        for name, family in self.bench.families.items():
            setting = Setting.of(name, family.defaults)
            self._end(self.bench.try_setting(len(self.done), setting, "defaults"))
        proposals = self._proposals()
        if champion is not None:
            self._champion(Setting.of(champion.family, champion.params))
        for trial in self.done:
            proposals.know(trial)
        count = proposals.count(self.trials)
        self.most = len(self.done) + count
        for number in range(count):
            if self._late():
                return
            self._try(proposals, number)

    def result(self, seconds: float) -> Tuning:
        """Choose among what was judged; `seconds` is how long it all took."""
        choice = select_setting(self.done, greater_is_better=self.bench.metric.greater_is_better)
        return Tuning(
            trials=tuple(self.done),
            chosen=choice.setting,
            why=choice.why,
            metric=self.bench.metric.name,
            sampler=self.sampler,
            seed=self.bench.seed,
            seconds=seconds,
            cut_by_timeout=self.cut,
            figures=choice.figures,
        )

    def _champion(self, setting: Setting) -> None:
        known = any(trial.setting.text == setting.text for trial in self.done)
        if setting.family not in self.bench.families or known or self._late():
            return
        self.most += 1
        self._end(self.bench.try_setting(len(self.done), setting, "champion", self._out_of_time))

    def _try(self, proposals: Proposals, number: int) -> None:
        proposal = proposals.ask(number)

        def stop(scores: tuple[float, ...]) -> str:
            return self._out_of_time(scores) or proposals.hopeless(proposal, scores)

        again = self._again(proposal.setting)
        if proposal.fault:
            fault = proposal.fault
            trial = TuningTrial(
                len(self.done), proposal.setting, "search", (), 0.0, "failed", fault
            )
        # a small space is proposed twice: the sampler is told the known answer, nothing is fitted
        elif again is not None:
            proposals.tell(proposal, again)
            return
        else:
            trial = self.bench.try_setting(len(self.done), proposal.setting, "search", stop)
        proposals.tell(proposal, trial)
        self._end(trial)

    def _again(self, setting: Setting) -> TuningTrial | None:
        same = (trial for trial in self.done if trial.setting.text == setting.text)
        return next((trial for trial in same if trial.state == "complete"), None)

    def _proposals(self) -> Proposals:
        greater = self.bench.metric.greater_is_better
        order = sorted(
            (trial for trial in self.done if trial.state == "complete"),
            key=lambda trial: -trial.mean if greater else trial.mean,
        )
        best = [trial.setting.family for trial in order[:FAMILIES_SEARCHED]]
        families = {name: self.bench.families[name] for name in best}
        return Proposals(families, self.sampler, self.bench.seed, greater_is_better=greater)

    def _end(self, trial: TuningTrial) -> None:
        self.done.append(trial)
        greater = self.bench.metric.greater_is_better
        means = [ended.mean for ended in self.done if ended.state == "complete"]
        best = (max(means) if greater else min(means)) if means else NAN
        self.say(Progress(len(self.done), self.most, trial, best))

    def _late(self) -> bool:
        # once late, always late: the outcome says that it was cut, and by nothing but time
        self.cut = self.cut or time.monotonic() >= self.deadline
        return self.cut

    def _out_of_time(self, scores: tuple[float, ...]) -> str:
        return f"the time budget ended after fold {len(scores)}" if self._late() else ""
