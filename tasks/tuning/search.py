"""The search for a setting.

Order: the untuned defaults of every family, on all folds and whatever the time; then the
champion's setting; then up to `trials` settings of the two families whose defaults did best.
After each fold a trial whose running mean is below the median of the others is pruned.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.arrays import Array
from tasks.errors import ConfigurationError
from tasks.evaluation.metrics import METRICS, Metric
from tasks.tuning.judging import FoldTable, Judge
from tasks.tuning.proposals import SAMPLERS, Proposal, Proposals
from tasks.tuning.selection import select_setting
from tasks.tuning.trial import Origin, Progress, Setting, State, Tuning, TuningTrial

if TYPE_CHECKING:
    from tasks.dataset.split import Fold
    from tasks.features.schema import Columns
    from tasks.models.family import Family

Say = Callable[[Progress], None]
Stop = Callable[[tuple[float, ...]], str]
# A family far behind on its defaults seldom wins, and would spend the time of the others.
FAMILIES_SEARCHED = 2
# Prepared columns up to which every proposal is tried; with 500, thirty of them take minutes.
WIDE = 100
FEWEST_TRIALS = 6


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
    judge: Judge | None = None,
) -> Tuning:
    """Try settings on the folds and choose one.

    Args:
        frame: n prepared rows; `columns` names its number and its category columns.
        y: (n,) class indices 0..k-1, or values for regression.
        folds: rows to fit on, and others to judge on: where time counts, later ones.
        task, metric: what is predicted, and the metric that decides.
        families: those that do not serve the task are left out.
        champion: the setting in service, tried before any proposal; None for none.
        trials: proposals at most, beside defaults and champion.
        seconds: time budget, checked between folds; the defaults are judged in any case.
        sampler: tpe, random or grid.
        say: called as each trial ends.
        judge: computes the scores; None for this process.

    Raises:
        ConfigurationError: no family serves the task, or the sampler is unknown.
        DataError: no setting could be judged on the folds.
    """
    served = {name: family for name, family in families.items() if task in family.tasks}
    if not served:
        raise ConfigurationError("families", f"one serves {task}", ", ".join(families) or "none")
    if sampler not in SAMPLERS:
        raise ConfigurationError("sampler", f"it is one of {', '.join(SAMPLERS)}", sampler)
    most = affordable_trials(trials, len(columns.numbers) + len(columns.written))
    judged = METRICS[metric]
    table = FoldTable(frame, y, folds, task, judged, served, columns, seed)
    search = SettingSearch(judge or table, folds, judged, served, sampler, seed, most, seconds, say)
    search.run(champion)
    return _say_width(search.result(), most, trials)


def _say_width(found: Tuning, most: int, trials: int) -> Tuning:
    if most == trials:
        return found
    note = f"The table is wide: {most} of {trials} settings were tried beside the defaults."
    return replace(found, why=f"{found.why}. {note}")


def affordable_trials(trials: int, columns: int) -> int:
    """Return how many proposals are tried: fewer, the wider the table, for each costs more.

    >>> [affordable_trials(30, columns) for columns in (20, 100, 300, 500, 5_000)]
    [30, 30, 10, 6, 6]
    """
    return min(trials, max(FEWEST_TRIALS, trials * WIDE // max(columns, WIDE)))


@dataclass
class SettingSearch:
    """One search under way, with the folds that every setting is judged on."""

    judge: Judge
    folds: Sequence[Fold]
    metric: Metric
    families: Mapping[str, Family]
    sampler: str
    seed: int
    trials: int
    seconds: float
    say: Say
    done: list[TuningTrial] = field(default_factory=list)
    most: int = 0
    cut: bool = False
    # monotonic: a clock that is set while a search runs neither cuts nor prolongs it
    started: float = field(default_factory=time.monotonic)

    def run(self, champion: Setting | None) -> None:
        """Judge the defaults, the champion's setting and what is proposed, in that order."""
        self.most = len(self.families) + self.trials
        defaults = [Setting.of(name, family.defaults) for name, family in self.families.items()]
        for setting in defaults:
            self.judge.expect(setting)
        for setting in defaults:
            self._end(self._judge(setting, "defaults", lambda _: ""))
        best = [trial.setting.family for trial in self._ranked()[:FAMILIES_SEARCHED]]
        if champion is not None and champion.family in self.families and not self._is_late():
            self._try_champion(Setting.of(champion.family, champion.params))
        proposals = Proposals(
            {name: self.families[name] for name in best},
            self.sampler,
            self.seed,
            greater_is_better=self.metric.greater_is_better,
        )
        for trial in self.done:
            proposals.know(trial)
        count = proposals.count(self.trials)
        self.most = len(self.done) + count
        self._try_proposals(proposals, count)

    def result(self) -> Tuning:
        """Choose among what was judged."""
        choice = select_setting(self.done, greater_is_better=self.metric.greater_is_better)
        return Tuning(
            trials=tuple(self.done),
            chosen=choice.setting,
            why=choice.why,
            metric=self.metric.name,
            sampler=self.sampler,
            seed=self.seed,
            seconds=time.monotonic() - self.started,
            cut_by_timeout=self.cut,
            figures=choice.figures,
        )

    def _try_champion(self, setting: Setting) -> None:
        if all(trial.setting.text != setting.text for trial in self.done):
            self.most += 1
            self._end(self._judge(setting, "champion", self._out_of_time))

    def _try_proposals(self, proposals: Proposals, count: int) -> None:
        # a sampler that learns from every trial is asked for one at a time, whoever computes it
        ahead = 0 if self.sampler == "tpe" else self.judge.width
        asked: deque[Proposal] = deque()
        for number in range(count):
            if self._is_late():
                return
            for further in range(number + len(asked), min(count, number + ahead + 1)):
                asked.append(proposals.ask(further))
                if not asked[-1].fault:
                    self.judge.expect(asked[-1].setting)
            self._try_proposal(proposals, asked.popleft())

    def _try_proposal(self, proposals: Proposals, proposal: Proposal) -> None:
        def stop(scores: tuple[float, ...]) -> str:
            return self._out_of_time(scores) or proposals.hopeless(proposal, scores)

        same = (trial for trial in self._ranked() if trial.setting.text == proposal.setting.text)
        known = next(same, None)
        if proposal.fault:
            setting, fault = proposal.setting, proposal.fault
            trial = TuningTrial(len(self.done), setting, "search", (), 0.0, "failed", fault)
        else:
            trial = known or self._judge(proposal.setting, "search", stop)
        proposals.tell(proposal, trial)
        # a small space is proposed twice: the sampler is told the known answer, nothing is fitted
        if trial is not known:
            self._end(trial)

    def _judge(self, setting: Setting, origin: Origin, stop: Stop) -> TuningTrial:
        """Judge a setting fold by fold, until `stop` says why it is not worth the next one."""
        scores: list[float] = []
        state: State = "complete"
        message, seconds, worked = "", 0.0, 0.0
        coming = self.judge.scores(setting)
        for _ in self.folds:
            if scores and (message := stop(tuple(scores))):
                state = "pruned"
                break
            scored = next(coming)
            seconds += scored.seconds
            worked += scored.cpu_seconds
            if scored.fault:
                state, message = "failed", scored.fault
                break
            scores.append(scored.value)
        coming.close()
        # a metric that needs both classes gives NaN on rows of one; the mean of none is no score
        if state == "complete" and not np.isfinite(scores).any():
            state, message = "failed", f"{self.metric.name} is undefined on every fold"
        judged = tuple(scores)
        return TuningTrial(
            len(self.done), setting, origin, judged, seconds, state, message, round(worked, 3)
        )

    def _ranked(self) -> list[TuningTrial]:
        """Return the trials that were judged on every fold, the best first."""
        sign = -1 if self.metric.greater_is_better else 1
        complete = (trial for trial in self.done if trial.state == "complete")
        # the sort is stable: of equal means the earlier trial, so that equal seeds search alike
        return sorted(complete, key=lambda trial: sign * trial.mean)

    def _end(self, trial: TuningTrial) -> None:
        self.done.append(trial)
        ranked = self._ranked()
        best = ranked[0].mean if ranked else float("nan")
        self.say(Progress(len(self.done), self.most, trial, best, len(self.folds)))

    def _is_late(self) -> bool:
        # once late, always late: the outcome says that it was cut, and by nothing but time
        self.cut = self.cut or time.monotonic() >= self.started + self.seconds
        return self.cut

    def _out_of_time(self, scores: tuple[float, ...]) -> str:
        return f"the time budget ended after fold {len(scores)}" if self._is_late() else ""
