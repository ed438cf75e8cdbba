"""The fitted encoders, part of the one pipeline that is exported.

Two kinds of model, two ways. Trees take numbers as they are (missing ones too) and every
category by its target encoding. Linear models and networks take standardised numbers, a flag
where a number is missing, one column per level where levels are few, and target encodings
where they are many. Free text becomes a few numbers for both (`tasks.features.text_encoder`).
Everything leaves as float32, so that a value which the export rounds is
rounded alike in training, and no row falls on the other side of a tree's threshold.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, TargetEncoder

from tasks.arrays import Array, Singles
from tasks.features.schema import Columns
from tasks.features.text_encoder import TermEncoder

# A column for each level is exact, but each costs a weight; beyond, one encoding serves.
FEW_LEVELS = 16
FOLDS = 5
# Deviations: one absurd value must not decide a sum, in training or in a request.
BOUND = 10.0
TARGETS = {"binary": "binary", "multiclass": "multiclass", "regression": "continuous"}


class Standardise(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Fill with the median, centre, scale, and cut at ten deviations, all in float32.

    `fill_`, `mean_` and `scale_` have one float32 per column; a column without a value is 0.
    """

    def fit(self, rows: Any, y: Any = None) -> Standardise:
        # in double: a float32 sum of many large numbers loses their deviation
        values = _matrix(rows).astype(np.float64)
        # numpy warns of the median of nothing
        known = ~np.isnan(values).all(axis=0)
        fill = np.zeros(values.shape[1])
        fill[known] = np.nanmedian(values[:, known], axis=0)
        filled = np.where(np.isnan(values), fill, values)
        scale = filled.std(axis=0)
        self.fill_ = fill.astype(np.float32)
        self.mean_ = filled.mean(axis=0).astype(np.float32)
        # a column of one value has no deviation to divide by
        self.scale_ = np.where(scale > 1e-30, scale, 1.0).astype(np.float32)
        return self

    @classmethod
    def known(cls, fill: list[float], mean: list[float], scale: list[float]) -> Standardise:
        """Return one that was fitted before."""
        made = cls()
        made.fill_, made.mean_, made.scale_ = (
            np.array(values, np.float32) for values in (fill, mean, scale)
        )
        return made

    def transform(self, rows: Any) -> Singles:
        values = _matrix(rows)
        filled = np.where(np.isnan(values), self.fill_, values)
        # what overflows is infinite, and cut to ten deviations like anything beyond
        with np.errstate(over="ignore"):
            scaled = (filled - self.mean_) / self.scale_
        cut: Singles = np.clip(scaled, np.float32(-BOUND), np.float32(BOUND))
        return cut


def flag_missing(rows: Any) -> Singles:
    """Return (n, columns) float32: one where a number is missing, zero where it is known."""
    return np.isnan(_matrix(rows)).astype(np.float32)


def round_values(rows: Any, wide: bool) -> Array:
    """Round every value to float32; `wide` hands the rounded values on as float64."""
    return _matrix(rows).astype(np.float64 if wide else np.float32, copy=False)


def _with_missing(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[str]:
    return [name for name in columns if frame[name].isna().any()]


def _by_levels(frame: pd.DataFrame, columns: tuple[str, ...], few: bool) -> list[str]:
    return [name for name in columns if (frame[name].nunique() <= FEW_LEVELS) is few]


def tree_encoders(columns: Columns, task: str, seed: int) -> ColumnTransformer:
    """Return the unfitted encoders that tree families take."""
    texts = [("terms", TermEncoder(task, seed), list(columns.texts))] if columns.texts else []
    return ColumnTransformer(
        [
            ("numbers", "passthrough", list(columns.numbers)),
            ("encoded", target_encoder(task, seed), list(columns.categories)),
            *texts,
        ]
    )


def distance_encoders(columns: Columns, task: str, seed: int) -> ColumnTransformer:
    """Return the unfitted encoders that linear models and networks take."""
    # a level of fewer than one row in a thousand shares a column, and unknown text falls into it
    rare = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=0.001,
        sparse_output=False,
        dtype=np.float32,
    )
    encoded = Pipeline([("encode", target_encoder(task, seed)), ("scale", Standardise())])
    terms = Pipeline([("encode", TermEncoder(task, seed)), ("scale", Standardise())])
    flags = FunctionTransformer(flag_missing)
    # callables are asked at fit, when it is known which columns miss values and have few levels
    return ColumnTransformer(
        [
            ("numbers", Standardise(), list(columns.numbers)),
            ("missing", flags, partial(_with_missing, columns=columns.numbers)),
            ("levels", rare, partial(_by_levels, columns=columns.categories, few=True)),
            ("encoded", encoded, partial(_by_levels, columns=columns.categories, few=False)),
            *([("terms", terms, list(columns.texts))] if columns.texts else []),
        ],
        # else scikit-learn decides by the share of zeros whether a matrix is sparse
        sparse_threshold=0,
    )


def target_encoder(task: str, seed: int) -> TargetEncoder:
    """Return the cross-fitted encoder: a row's own target never enters its encoding."""
    # not stratified, as scikit-learn's own folds are: a class of fewer members would be an error
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    return TargetEncoder(target_type=TARGETS[task], cv=folds)


def _matrix(rows: Any) -> Singles:
    return np.asarray(rows, dtype=np.float32)
