"""The answers of a setting on the rows of a cross-validation, each by a model that saw others."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from tasks.arrays import Array, Floats, Mask
from tasks.config import Pipeline
from tasks.dataset.dataset import Dataset
from tasks.dataset.split import Fold
from tasks.evaluation.baselines import baselines
from tasks.features.prepare import prepared_columns
from tasks.models.families import FAMILIES
from tasks.models.model import Model
from tasks.policy.challengers import select_rows
from tasks.tuning.trial import Setting


def fit_fold(
    data: Dataset,
    pipeline: Pipeline,
    setting: Setting,
    fold: Fold,
    length: timedelta | None = None,
) -> Model:
    """Fit a setting on a fold's rows, or on the latest `length` of them."""
    within = np.zeros(len(data.y), dtype=bool)
    within[fold.fit] = True
    return fit_rows(data, pipeline, setting, select_rows(length, data.times, within))


def fit_rows(data: Dataset, pipeline: Pipeline, setting: Setting, rows: Mask) -> Model:
    """Fit a setting on the rows in the mask (n,)."""
    model = FAMILIES[setting.family].build(
        setting.params, prepared_columns(data.schema), pipeline.task, pipeline.training.seed
    )
    return model.fit(data.prepared[rows], data.y[rows])


def answer_folds(
    data: Dataset, pipeline: Pipeline, setting: Setting, length: timedelta | None = None
) -> Floats:
    """Return the answers on `Split.judged`, in its order: (n, classes), or (n,) values."""
    classes = len(data.classes)
    parts = [
        fit_fold(data, pipeline, setting, fold, length).answers(
            data.prepared.iloc[fold.judge], classes
        )
        for fold in data.split.folds
    ]
    return _in_order(parts, data.split.folds)


def judge_baselines(data: Dataset, pipeline: Pipeline) -> dict[str, Array]:
    """Return what each naive prediction says of `Split.judged`, from the rows a model saw."""
    folds = data.split.folds or (
        Fold(np.flatnonzero(data.split.training), np.flatnonzero(data.split.holdout)),
    )
    # what came before says nothing where rows have no order
    ordered = data.hashes is None
    found = [
        baselines(
            data.y[fold.fit],
            data.y[fold.judge],
            task=pipeline.task,
            classes=len(data.classes),
            training_times=data.times[fold.fit] if ordered else None,
            times=data.times[fold.judge] if ordered else None,
        )
        for fold in folds
    ]
    return {name: _in_order([part[name] for part in found], folds) for name in found[0]}


def _in_order(parts: list[Array], folds: tuple[Fold, ...]) -> Array:
    places = np.concatenate([fold.judge for fold in folds])
    return np.concatenate(parts)[np.argsort(places, kind="stable")]
