"""Fit one setting on each fold and score it on the rows that follow."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tasks.arrays import Array
from tasks.errors import bounded
from tasks.evaluation.metrics import Metric
from tasks.tuning.trial import Origin, Setting, State, TuningTrial

if TYPE_CHECKING:
    from tasks.dataset.split import Fold
    from tasks.features.schema import Columns
    from tasks.models.family import Family

Stop = Callable[[tuple[float, ...]], str]
MESSAGE = 500


def never(scores: tuple[float, ...]) -> str:  # noqa: ARG001
    """Judge a setting on every fold, whatever its scores."""
    return ""


@dataclass(frozen=True)
class Bench:
    """The rows, the folds and the metric that every setting is judged with.

    `frame` holds prepared rows, `y` their class indices or values, `columns` the names of the
    number and of the category columns.
    """

    frame: pd.DataFrame
    y: Array
    folds: Sequence[Fold]
    task: str
    metric: Metric
    families: Mapping[str, Family]
    columns: Columns
    seed: int

    def try_setting(
        self, number: int, setting: Setting, origin: Origin, stop: Stop = never
    ) -> TuningTrial:
        """Judge a setting fold by fold.

        `stop` is asked after every fold but the last; a text it returns ends the trial as
        pruned, for that reason. Whatever a family raises ends the trial as failed.
        """
        started = time.perf_counter()
        scores: list[float] = []
        state: State = "complete"
        message = ""
        try:
            for fold in self.folds:
                if scores and (message := stop(tuple(scores))):
                    state = "pruned"
                    break
                scores.append(self._score(setting, fold))
        # a family may fail in any way on a strange setting; the search goes on with the next
        except Exception as error:
            state, message = "failed", f"{type(error).__name__}: {bounded(error, MESSAGE)}"
        seconds = time.perf_counter() - started
        if state == "complete" and not np.isfinite(scores).any():
            state, message = "failed", f"{self.metric.name} is undefined on every fold"
        return TuningTrial(number, setting, origin, tuple(scores), seconds, state, message)

    def _score(self, setting: Setting, fold: Fold) -> float:
        family = self.families[setting.family]
        model = family.build(dict(setting.params), self.columns, self.task, self.seed)
        with warnings.catch_warnings():
            # A setting that does not converge shows in its score; a warning a fold is noise.
            warnings.simplefilter("ignore")
            model.fit(self.frame.iloc[fold.fit], self.y[fold.fit])
            said = model.answers(self.frame.iloc[fold.judge], self._classes)
        return self.metric.score(self.y[fold.judge], said)

    @property
    def _classes(self) -> int:
        return 0 if self.task == "regression" else int(self.y.max()) + 1
