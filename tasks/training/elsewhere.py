"""Trials on an engine: each fold of a setting is a job, whose worker reads the rows itself."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tasks.config import Pipeline
from tasks.dataset.dataset import Dataset
from tasks.engine.call import hold
from tasks.engine.engine import Engine, Handed
from tasks.features.prepare import prepared_columns
from tasks.features.schema import FeatureSchema
from tasks.store.connect import reopen_bucket, tell_address
from tasks.training.plan import TrainingPlan
from tasks.training.rows import fold_table, load_dataset
from tasks.training.work import Work
from tasks.tuning.judging import FoldScore, FoldTable, Scores
from tasks.tuning.trial import Setting


@dataclass(frozen=True)
class PinnedRows:
    """All that the rows of a training follow from; `features` are those that were selected."""

    bucket: str
    pipeline: Pipeline
    plan: TrainingPlan
    known_until: np.datetime64 | None
    features: tuple[str, ...]

    @classmethod
    def of(cls, work: Work) -> PinnedRows:
        """Return what a worker needs to make the dataset of this work."""
        features = tuple(feature.name for feature in work.dataset.schema.features)
        bucket = tell_address(work.workspace.bucket)
        return cls(bucket, work.pipeline, work.plan, work.known_until, features)

    @cached_property
    def key(self) -> str:
        """A digest of what the rows are read by."""
        said = (self.bucket, self.pipeline.digest, self.plan, self.known_until, self.features)
        return hashlib.sha256(pickle.dumps(said)).hexdigest()

    def load(self) -> FoldTable:
        """Read the rows from the bucket, and part them as the client did."""
        bucket = reopen_bucket(self.bucket)
        data = load_dataset(bucket, self.pipeline, self.plan, self.known_until)
        return fold_table(_restrict(data, self.features), self.pipeline)


@dataclass(frozen=True)
class FoldJob:
    """One fold of one setting."""

    rows: PinnedRows
    setting: Setting
    place: int


def score_fold(job: FoldJob) -> FoldScore:
    """Score a fold in a worker, which keeps the rows for its next one."""
    table = hold(job.rows.key, job.rows.load)
    return table.score(job.setting, job.place)


class EngineJudge:
    """Scores all folds of the settings it expects at once; see `tasks.tuning.judging.Judge`."""

    def __init__(self, engine: Engine, rows: PinnedRows, folds: int) -> None:
        self._engine, self._rows, self._folds = engine, rows, folds
        self._handed: dict[str, list[Handed[FoldScore]]] = {}

    @property
    def width(self) -> int:
        return self._engine.width

    def expect(self, setting: Setting) -> None:
        """Hand out its folds, the last and largest first."""
        if setting.text in self._handed:
            return
        places = reversed(range(self._folds))
        jobs = (FoldJob(self._rows, setting, place) for place in places)
        handed = [self._engine.submit(score_fold, job) for job in jobs]
        self._handed[setting.text] = handed[::-1]

    def scores(self, setting: Setting) -> Scores:
        """Yield the scores in order, and give up those that are not asked for."""
        self.expect(setting)
        handed = self._handed.pop(setting.text)
        try:
            for fold in handed:
                yield self._engine.result(fold)
        finally:
            for fold in handed:
                fold.cancel()


def _restrict(data: Dataset, features: tuple[str, ...]) -> Dataset:
    if len(features) == len(data.schema.features):
        return data
    kept = tuple(feature for feature in data.schema.features if feature.name in features)
    columns = prepared_columns(FeatureSchema(kept))
    prepared = data.prepared[[*columns.numbers, *columns.written]]
    return replace(data, schema=FeatureSchema(kept), prepared=prepared)
