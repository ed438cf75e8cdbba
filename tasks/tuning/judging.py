"""How a setting does on a fold, and who computes that."""

from __future__ import annotations

import time
import warnings
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from tasks.arrays import Array
from tasks.errors import bounded
from tasks.evaluation.metrics import Metric
from tasks.models.setting import Setting
from tasks.records import MaybeNaN

if TYPE_CHECKING:
    from tasks.dataset.split import Fold
    from tasks.features.schema import Columns
    from tasks.models.family import Family

# Letters of a family's error: some libraries put whole arrays into theirs.
MESSAGE = 500
Scores = Generator["FoldScore", None, None]


@dataclass(frozen=True)
class FoldScore:
    """The metric on one fold, and the wall and processor seconds it took; or the `fault` why there
    is none.
    """

    value: MaybeNaN
    seconds: float
    cpu_seconds: float
    fault: str = ""


class Judge(Protocol):
    """Scores settings on the folds: in this process (`FoldTable`), or elsewhere."""

    @property
    def width(self) -> int:
        """How many settings may be expected beyond the one whose scores are asked for."""

    def expect(self, setting: Setting) -> None:
        """Hear that a setting's scores will be asked for."""

    def scores(self, setting: Setting) -> Scores:
        """Yield a setting's score of each fold, in order; who closes it needs no more."""


@dataclass(frozen=True, eq=False)
class FoldTable:
    """The rows and folds that settings are judged on, one fold after the other."""

    frame: pd.DataFrame
    y: Array
    folds: Sequence[Fold]
    task: str
    metric: Metric
    families: Mapping[str, Family]
    columns: Columns
    seed: int
    width: int = 0

    def expect(self, setting: Setting) -> None:
        """Do nothing ahead: there is one process."""

    def scores(self, setting: Setting) -> Scores:
        """Fit and judge a fold when its score is asked for."""
        return (self.score(setting, place) for place in range(len(self.folds)))

    def score(self, setting: Setting, place: int) -> FoldScore:
        """Fit a setting on the fold at this place, and judge it there."""
        started, worked = time.perf_counter(), time.process_time()
        try:
            value, fault = self._score(setting, self.folds[place]), ""
        # a family may fail in any way on a strange setting; the search goes on with the next
        except Exception as error:
            value, fault = float("nan"), f"{type(error).__name__}: {bounded(error, MESSAGE)}"
        seconds, worked = time.perf_counter() - started, time.process_time() - worked
        return FoldScore(value, seconds, worked, fault)

    def _score(self, setting: Setting, fold: Fold) -> float:
        family = self.families[setting.family]
        model = family.build(dict(setting.params), self.columns, self.task, self.seed)
        # of all rows: a fold may lack the last class, and the metric wants a column for it
        classes = 0 if self.task == "regression" else int(self.y.max()) + 1
        with warnings.catch_warnings():
            # A setting that does not converge shows in its score; a warning a fold is noise.
            warnings.simplefilter("ignore")
            model.fit(self.frame.iloc[fold.fit], self.y[fold.fit])
            answers = model.answers(self.frame.iloc[fold.judge], classes)
        return self.metric.score(self.y[fold.judge], answers)
