"""The rows that a training is pinned to, and the folds of them that settings are judged on."""

from __future__ import annotations

import numpy as np

from tasks.config import Pipeline
from tasks.data.curated import curated, training_rows
from tasks.dataset.dataset import Dataset, build_dataset
from tasks.evaluation.metrics import METRICS
from tasks.features.prepare import prepared_columns
from tasks.labels.join import with_labels
from tasks.labels.known import with_history
from tasks.labels.table import load_labels
from tasks.models.families import FAMILIES
from tasks.store.bucket import Bucket
from tasks.training.plan import TrainingPlan
from tasks.tuning.judging import FoldTable


def load_dataset(
    bucket: Bucket, pipeline: Pipeline, plan: TrainingPlan, known_until: np.datetime64 | None
) -> Dataset:
    """Read the labelled rows of the pinned data version, with the labels that came later.

    The same arguments make the same dataset in every process. `known_until` as of
    `split_training`.
    """
    table, time, key = curated(bucket, pipeline.name), pipeline.time_column, pipeline.key
    rows = training_rows(table, plan.data, time, key=key, without=plan.without)
    if plan.labels is not None:
        labels = load_labels(bucket, pipeline, plan.labels, without=plan.without)
        rows, _ = with_labels(rows, labels, pipeline)
    rows = with_history(rows, pipeline)
    return build_dataset(rows, pipeline, known_until)


def fold_table(data: Dataset, pipeline: Pipeline) -> FoldTable:
    """Return the training window with its folds, as the search judges settings on it."""
    training = data.split.training
    return FoldTable(
        data.prepared[training].reset_index(drop=True),
        data.y[training],
        data.folds(training, pipeline.training.folds, pipeline.task),
        pipeline.task,
        METRICS[pipeline.metric],
        {name: FAMILIES[name] for name in pipeline.families},
        prepared_columns(data.schema),
        pipeline.training.seed,
    )
