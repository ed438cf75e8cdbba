"""Columns that do not help are left out, where the file asks for it and it pays.

Each fold's untuned boosted trees are asked what shuffling a column costs on rows that they did not
learn from (Breiman, Random Forests, 2001). A column whose loss is not above zero on the mean of
the folds goes, if the same folds are judged no worse without all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tasks.arrays import Floats
from tasks.config import Pipeline
from tasks.dataset.dataset import Dataset
from tasks.dataset.split import Fold
from tasks.errors import DataError
from tasks.evaluation.metrics import METRICS
from tasks.explanation.overview import permutation_losses
from tasks.features.prepare import prepared_columns
from tasks.features.schema import FeatureSchema, origins
from tasks.models.exchange import ExchangingModel
from tasks.models.export import to_onnx
from tasks.models.families import FAMILIES
from tasks.models.model import Model

JUDGE = "lightgbm"
ROUNDS = 2
# Rows of a fold that are shuffled: a column's loss needs no more, and each is answered anew.
SHUFFLED = 2_000


def select_features(data: Dataset, pipeline: Pipeline) -> Dataset:
    """Return the dataset without the columns that do not help; the very same where none go."""
    if pipeline.features.select == "none" or len(data.schema.features) < 2:
        return data
    training = np.flatnonzero(data.split.training)
    folds = [
        Fold(training[fold.fit], training[fold.judge])
        for fold in data.folds(data.split.training, pipeline.training.folds, pipeline.task)
    ]
    scores, losses = _judge(data, pipeline, folds)
    if not scores:
        return data
    means = {name: float(np.mean(lost)) for name, lost in losses.items()}
    helpful = [name for name, loss in means.items() if loss > 0]
    if not helpful or len(helpful) == len(means):
        return data
    reduced = replace(data, schema=reduce_schema(data.schema, means, pipeline.metric))
    without, _ = _judge(reduced, pipeline, folds)
    gain = METRICS[pipeline.metric].gain(float(np.mean(without)), float(np.mean(scores)))
    if not gain >= 0:
        return data
    columns = prepared_columns(reduced.schema)
    return replace(reduced, prepared=data.prepared[[*columns.numbers, *columns.written]])


def reduce_schema(schema: FeatureSchema, losses: dict[str, float], metric: str) -> FeatureSchema:
    """Return the schema without the columns whose loss is not above zero, and with the reason.

    >>> from tasks.features.schema import Feature
    >>> whole = FeatureSchema((Feature("a", "number"), Feature("b", "number")))
    >>> reduce_schema(whole, {"a": 0.1, "b": -0.01}, "roc_auc").dropped
    {'b': 'it does not help: shuffled on the folds it costs -0.0100 of roc_auc'}
    """
    kept = tuple(feature for feature in schema.features if losses[feature.name] > 0)
    gone = {
        name: f"it does not help: shuffled on the folds it costs {loss:.4f} of {metric}"
        for name, loss in losses.items()
        if loss <= 0
    }
    return replace(schema, features=kept, dropped={**schema.dropped, **gone})


def _judge(
    data: Dataset, pipeline: Pipeline, folds: Sequence[Fold]
) -> tuple[list[float], dict[str, list[float]]]:
    """Return the scores of the folds, and by raw column what shuffling costs in each."""
    columns, behind = prepared_columns(data.schema), origins(data.schema)
    metric, seed = METRICS[pipeline.metric], pipeline.training.seed
    scores: list[float] = []
    losses: dict[str, list[float]] = {name: [] for name in dict.fromkeys(behind.values())}
    for fold in folds:
        model = FAMILIES[JUDGE].build({}, columns, pipeline.task, seed)
        judge = fold.judge[:: len(fold.judge) // SHUFFLED + 1]
        seen = data.prepared.iloc[judge]
        try:
            model.fit(data.prepared.iloc[fold.fit], data.y[fold.fit])
            exported = ExchangingModel(to_onnx(model, columns, pipeline.task), seen)
        # a fold may lack a class
        except DataError:
            continue
        scores.append(metric.score(data.y[fold.judge], _answers(model, data, fold)))
        lost = permutation_losses(
            exported.predict, exported.columns, data.y[judge], metric, behind, ROUNDS, seed
        )
        for name, (loss, _) in lost.items():
            losses[name].append(loss)
    return scores, losses


def _answers(model: Model, data: Dataset, fold: Fold) -> Floats:
    return np.asarray(model.answers(data.prepared.iloc[fold.judge], len(data.classes)))
