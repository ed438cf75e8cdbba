"""The fitted encoder of free text: which words count, and the numbers that each stands for."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.utils.extmath import randomized_svd

from tasks.arrays import Array, Floats, Singles
from tasks.features.terms import TermTable, count_rows, on_grid

MOST_TERMS = 5_000
# A word of one row alone says nothing of another.
FEWEST_ROWS = 2
# Up to so many words each has a column of its own; more are folded into as many directions.
DIRECTIONS = 24
FOLDS = 5
# One more number for each class would be as wide as a table of them.
MOST_CLASSES = 20
# A search fits each fold anew for every setting, and the words do not depend on the setting.
REMEMBERED = 16
# Rows: 16 fits of more would hold hundreds of megabytes.
MOST_REMEMBERED = 50_000

Fitted = tuple[TermTable, Singles]
_FITTED: OrderedDict[bytes, Fitted] = OrderedDict()


class TermEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Text columns to numbers: latent directions, and how far the words speak for each class.

    Directions are those of a truncated singular value decomposition of the TF-IDF matrix
    (Deerwester et al., Indexing by Latent Semantic Analysis, 1990). The other numbers are a ridge
    regression's of the target on all words, cross-fitted: a row's own target never enters them.

    `tables_` has one table a column.
    """

    def __init__(self, task: str, seed: int) -> None:
        self.task, self.seed = task, seed

    def fit(self, texts: pd.DataFrame, y: Any) -> TermEncoder:
        self.fit_transform(texts, y)
        return self

    def fit_transform(self, texts: pd.DataFrame, y: Any) -> Singles:
        targets = spread_targets(np.asarray(y), self.task)
        fitted = [_remembered(texts[name].tolist(), targets, self.seed) for name in texts.columns]
        self.tables_ = tuple(table for table, _ in fitted)
        return np.concatenate([rows for _, rows in fitted], axis=1)

    def transform(self, texts: pd.DataFrame) -> Singles:
        columns = zip(self.tables_, texts.columns, strict=True)
        encoded = [table.encode(texts[name].tolist()) for table, name in columns]
        return np.concatenate(encoded, axis=1)


def spread_targets(y: Array, task: str) -> Floats:
    """Return (n, k) numbers that a ridge regression can learn: k is 0 for very many classes.

    >>> spread_targets(np.array([0, 1]), "binary").tolist()
    [[-1.0], [1.0]]
    """
    if task == "regression":
        return y.astype(np.float64).reshape(-1, 1)
    classes = np.unique(y)
    if len(classes) > MOST_CLASSES:
        return np.zeros((len(y), 0))
    if len(classes) == 2:
        classes = classes[1:]
    return np.where(y[:, None] == classes, 1.0, -1.0)


def fit_terms(texts: Sequence[str], targets: Floats, seed: int) -> Fitted:
    """Return the table of one column, and its (n, width) rows, cross-fitted.

    Args:
        texts: n, as `words` made them.
        targets: (n, k), see `spread_targets`.
        seed: of the folds and of the decomposition.
    """
    rows = count_rows(text.split(" ") for text in texts)
    ranked = sorted(rows, key=lambda word: (-rows[word], word))
    known = [word for word in ranked[:MOST_TERMS] if rows[word] >= FEWEST_ROWS] or ranked[:1]
    # smoothed, as scikit-learn's TfidfTransformer has it: no word weighs nothing
    weights = np.log((1 + len(texts)) / (1 + np.array([rows[word] for word in known]))) + 1
    squares = on_grid(weights[:, None] ** 2)
    scaled = TermTable(tuple(known), squares).counts(texts) * weights
    lengths = np.sqrt(np.maximum((scaled * scaled).sum(axis=1), 1e-12))
    matrix = (scaled * (1 / lengths)[:, None]).tocsr()
    directions = np.eye(len(known))
    if len(known) > DIRECTIONS:
        # the number of rows bounds the rank
        count = min(DIRECTIONS, len(texts) - 1)
        directions = randomized_svd(matrix, count, random_state=seed)[2].T
    speaks = _ridge(matrix, targets)
    numbers = np.concatenate([directions, speaks], axis=1) * weights[:, None]
    table = TermTable(tuple(known), np.concatenate([on_grid(numbers), squares], axis=1))
    encoded = table.encode(texts)
    width = directions.shape[1]
    # too few rows to hold any of them back
    for fit, judge in KFold(FOLDS, shuffle=True, random_state=seed).split(targets):
        encoded[judge, width:] = matrix[judge] @ _ridge(matrix[fit], targets[fit])
    return table, encoded


def _ridge(matrix: Any, targets: Floats) -> Floats:
    """Return (words, k) coefficients; the constant is left to the model."""
    if not targets.shape[1]:
        return np.zeros((matrix.shape[1], 0))
    fitted = Ridge(alpha=1.0, solver="sparse_cg").fit(matrix, targets)
    return np.asarray(fitted.coef_).reshape(targets.shape[1], -1).T


def _remembered(texts: Sequence[str], targets: Floats, seed: int) -> Fitted:
    if len(texts) > MOST_REMEMBERED:
        return fit_terms(texts, targets, seed)
    key = hashlib.sha256(repr((targets.shape, seed)).encode())
    key.update(targets.tobytes())
    # a line each: no text that `words` made has another
    key.update("\n".join(texts).encode())
    known = _FITTED.pop(key.digest(), None) or fit_terms(texts, targets, seed)
    _FITTED[key.digest()] = known
    if len(_FITTED) > REMEMBERED:
        _FITTED.popitem(last=False)
    return known[0], known[1].copy()
