"""The fitted encoders, part of the one pipeline that is exported.

Two kinds of model, two ways. Trees take numbers as they are (missing ones too) and every
category by its target encoding. Linear models and networks take standardised numbers, a flag
where a number is missing, one column per level where levels are few, and target encodings
where they are many. Everything leaves as float32, so that a value which the export rounds is
rounded alike in training, and no row falls on the other side of a tree's threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from tasks.arrays import Array, Singles
from tasks.features.schema import Columns

FEW_LEVELS = 16
FOLDS = 5
# Deviations: one absurd value must not decide a sum, in training or in a request.
BOUND = 10.0
TARGETS = {"binary": "binary", "multiclass": "multiclass", "regression": "continuous"}


class Standardise(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Fill with the median, centre, scale, and cut at ten deviations, all in float32.

    `fill_`, `mean_` and `scale_` have one float32 per column; a column without a value is 0.
    """

    def fit(self, rows: Any, y: Any = None) -> Standardise:
        """Learn from (n, columns) numbers; NaN is missing."""
        values = _matrix(rows).astype(np.float64)
        known = ~np.isnan(values).all(axis=0)
        fill = np.zeros(values.shape[1])
        fill[known] = np.nanmedian(values[:, known], axis=0)
        filled = np.where(np.isnan(values), fill, values)
        scale = filled.std(axis=0)
        self.fill_ = fill.astype(np.float32)
        self.mean_ = filled.mean(axis=0).astype(np.float32)
        # a column of one value has no deviation to divide by
        self.scale_ = np.where(scale > 1e-30, scale, 1.0).astype(np.float32)
        self.n_features_in_ = values.shape[1]
        return self

    @classmethod
    def known(cls, fill: list[float], mean: list[float], scale: list[float]) -> Standardise:
        """Return one that was fitted before."""
        made = cls()
        made.fill_, made.mean_, made.scale_ = (
            np.array(values, np.float32) for values in (fill, mean, scale)
        )
        made.n_features_in_ = len(fill)
        return made

    def transform(self, rows: Any) -> Singles:
        """Return (n, columns) float32 within ten deviations."""
        values = _matrix(rows)
        filled = np.where(np.isnan(values), self.fill_, values)
        # what overflows is infinite, and cut to ten deviations like anything beyond
        with np.errstate(over="ignore"):
            scaled = (filled - self.mean_) / self.scale_
        cut: Singles = np.clip(scaled, np.float32(-BOUND), np.float32(BOUND))
        return cut


class MissingFlags(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """One where a number is missing, zero where it is known."""

    def fit(self, rows: Any, y: Any = None) -> MissingFlags:
        """Learn nothing but the number of columns."""
        self.n_features_in_ = _matrix(rows).shape[1]
        return self

    def transform(self, rows: Any) -> Singles:
        """Return (n, columns) float32 of zeros and ones."""
        return np.isnan(_matrix(rows)).astype(np.float32)


class Float32(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Round every value to float32; `wide` hands the rounded values on as float64."""

    def __init__(self, wide: bool = False) -> None:
        self.wide = wide

    def fit(self, rows: Any, y: Any = None) -> Float32:
        """Learn nothing but the number of columns."""
        self.n_features_in_ = np.shape(rows)[1]
        return self

    def transform(self, rows: Any) -> Array:
        """Return the rounded values."""
        return _matrix(rows).astype(np.float64 if self.wide else np.float32, copy=False)


@dataclass(frozen=True)
class Missing:
    """Select, at fit, those of the columns that miss a value."""

    columns: tuple[str, ...]

    def __call__(self, frame: pd.DataFrame) -> list[str]:
        return [name for name in self.columns if frame[name].isna().any()]


@dataclass(frozen=True)
class Levels:
    """Select, at fit, those of the columns that have few levels, or the others."""

    columns: tuple[str, ...]
    few: bool

    def __call__(self, frame: pd.DataFrame) -> list[str]:
        return [c for c in self.columns if (frame[c].nunique() <= FEW_LEVELS) is self.few]


def tree_encoders(columns: Columns, task: str, seed: int) -> ColumnTransformer:
    """Return the unfitted encoders that tree families take."""
    return ColumnTransformer(
        [
            ("numbers", Float32(), list(columns.numbers)),
            ("encoded", target_encoder(task, seed), list(columns.categories)),
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
    return ColumnTransformer(
        [
            ("numbers", Standardise(), list(columns.numbers)),
            ("missing", MissingFlags(), Missing(columns.numbers)),
            ("levels", rare, Levels(columns.categories, few=True)),
            ("encoded", encoded, Levels(columns.categories, few=False)),
        ],
        # else scikit-learn decides by the share of zeros whether a matrix is sparse
        sparse_threshold=0,
    )


def target_encoder(task: str, seed: int) -> TargetEncoder:
    """Return the cross-fitted encoder: a row's own target never enters its encoding.

    The folds are not stratified, so a class with fewer members than folds is no error.
    """
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    return TargetEncoder(target_type=TARGETS[task], cv=folds)


def _matrix(rows: Any) -> Singles:
    return np.asarray(rows, dtype=np.float32)
