"""SHAP's values of encoded rows, exactly and fast, for the families that allow it.

Both answer on the scale on which a model adds up: log-odds for a boosting or a linear model that
classifies, the probability itself for a forest, which averages shares, and the value's own unit
for a regression. No exported model holds a calibration step, so there is nothing behind the sum
but the logistic function or the softmax.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log2
from typing import Any, Literal, Protocol

import numpy as np

from tasks.explanation.forest import FILE as FOREST
from tasks.explanation.forest import Forest
from tasks.explanation.kept import LINEAR, linear_of
from tasks.explanation.quadrature import Quadrature
from tasks.models.encoders import Encoders
from tasks.models.families import booster, spare_processors
from tasks.models.warm_start import WAYS

Array = np.ndarray[Any, Any]
Scale = Literal["log-odds", "probability", "value"]
Method = Literal["tree_shap", "linear_shap", "lime"]
BOOSTER = WAYS["lightgbm"].file
LEAVES = re.compile(r"^num_leaves=(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Attributed:
    """What each encoded column adds, for one output a row.

    `base` is (n,), `values` (n, encoded); `rest` (n,) is what the other classes weigh on the same
    scale, the logarithm of the sum of their exponentials: the probability is the logistic function
    of base + sum of values - rest. It is 0 but for log-odds of several classes.
    """

    base: Array
    values: Array
    rest: Array


class Attribution(Protocol):
    """One way to explain; safe to use from several threads."""

    method: Method
    scale: Scale

    @property
    def work(self) -> float:
        """What one row costs, in additions of the algorithm; only its size matters."""

    def of(self, encoded: Array, outputs: Array) -> Attributed:
        """Explain (n, encoded) rows, of each the output asked for."""


class Linear:
    """The linear rule: coefficient times the distance from the mean.

    The mean is that of the training rows, of at most 10,000 of them, evenly apart.
    """

    method: Method = "linear_shap"

    def __init__(self, data: bytes, encoders: Encoders) -> None:
        self.scale: Scale = "log-odds" if encoders.classes else "value"
        self._weights, self._bias, self._means = linear_of(data)
        self._unit = (encoders.center, encoders.spread)
        self.work = float(self._weights.size)

    def of(self, encoded: Array, outputs: Array) -> Attributed:
        """Explain (n, encoded) rows, of each the output asked for.

        Lundberg and Lee, A Unified Approach to Interpreting Model Predictions, 2017, corollary 1.
        """
        center, spread = self._unit
        apart = encoded.astype(np.float64) - self._means
        base = self._weights @ self._means + self._bias
        values = apart * self._weights[outputs] * spread
        scores = apart @ self._weights.T + base
        return Attributed(base[outputs] * spread + center, values, rest(scores, outputs))


class Boosted:
    """LightGBM's own computation of SHAP's values."""

    method: Method = "tree_shap"

    def __init__(self, data: bytes, encoders: Encoders) -> None:
        self.scale: Scale = "log-odds" if encoders.classes else "value"
        text = data.decode()
        self._booster = booster(text)
        self.work = work_of(map(int, LEAVES.findall(text)))
        self._unit = (encoders.center, encoders.spread)

    def of(self, encoded: Array, outputs: Array) -> Attributed:
        """Explain (n, encoded) rows, of each the output asked for."""
        center, spread = self._unit
        found = contributions(self._booster, encoded)
        found = found.reshape(len(encoded), -1, encoded.shape[1] + 1)
        chosen = found[np.arange(len(encoded)), outputs]
        base = chosen[:, -1] * spread + center
        return Attributed(base, chosen[:, :-1] * spread, rest(found.sum(axis=2), outputs))


class Averaged:
    """A forest, the average of its trees."""

    method: Method = "tree_shap"

    def __init__(self, data: bytes, encoders: Encoders) -> None:
        self.scale: Scale = "probability" if encoders.classes else "value"
        columns = sum(width for block in encoders.blocks for width in block.widths)
        self._trees = Quadrature(Forest.from_bytes(data), columns)
        self._unit = (encoders.center, encoders.spread)
        self.work = float(self._trees.work)

    def of(self, encoded: Array, outputs: Array) -> Attributed:
        """Explain (n, encoded) rows, of each the output asked for."""
        center, spread = self._unit
        values = np.zeros(encoded.shape)
        for output in np.unique(outputs).tolist():
            rows = outputs == output
            values[rows] = self._trees.values(encoded[rows], output) * spread
        return Attributed(
            self._trees.base[outputs] * spread + center, values, np.zeros(len(values))
        )


def contributions(trees: Any, encoded: Array) -> Array:
    """Return LightGBM's (n, encoded + 1) values of each output side by side, the base last."""
    # threads that wait for each other cost more than a few rows do
    threads = 1 if len(encoded) < 64 else spare_processors()
    return np.asarray(trees.predict(encoded, pred_contrib=True, num_threads=threads))


def work_of(leaves: Iterable[int]) -> float:
    """Return the additions of one row from the leaves of each tree: leaves times depth squared.

    A tree is taken to be twice as deep as a balanced one.

    >>> work_of([16, 16])
    2048.0
    """
    return float(sum(count * (2 * log2(max(count, 2))) ** 2 for count in leaves))


def rest(scores: Array, outputs: Array) -> Array:
    """Return the (n,) logarithm of the summed exponentials of the other (n, outputs) scores.

    >>> rest(np.log([[1.0, 2.0, 5.0]]), np.array([1])).round(6) == np.log(6).round(6)
    array([ True])
    >>> rest(np.array([[3.0]]), np.array([0]))
    array([0.])
    """
    if scores.shape[1] == 1:
        return np.zeros(len(scores))
    others = scores.copy()
    others[np.arange(len(scores)), outputs] = -np.inf
    most = others.max(axis=1)
    return np.asarray(most + np.log(np.exp(others - most[:, None]).sum(axis=1)))


WAYS_TO_EXPLAIN = ((BOOSTER, Boosted), (LINEAR, Linear), (FOREST, Averaged))


def attribution_of(files: Mapping[str, bytes], encoders: Encoders) -> Attribution | None:
    """Return the way that a version's files allow; None where only its export can be asked."""
    for name, kind in WAYS_TO_EXPLAIN:
        if name in files:
            return kind(files[name], encoders)
    return None
