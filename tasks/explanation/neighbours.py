"""LIME: a weighted linear model of what the export answers around one row; the door of lime.

Ribeiro, Singh and Guestrin, "Why Should I Trust You?", 2016. Around a row, each of its columns is
kept or, as often, replaced by a value drawn from the training rows' distribution; the linear
model says what keeping it adds. It is an approximation: how well it fits is told with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np

from tasks.arrays import Array, Floats, Integers
from tasks.drift.profile import ColumnProfile, Profile
from tasks.features.values import MISSING
from tasks.models.attribution import Attributed
from tasks.models.runtime import OnnxModel

# lime's own default for tables is 5,000: the model answers for each of them, for every row.
SAMPLES = 2000
# lime's own, times the root of the number of columns: `LimeTabularExplainer`'s kernel_width.
WIDTH = 0.75


class Neighbours:
    """Explains rows through the exported model; the same row gives the same answer."""

    def __init__(
        self,
        model: OnnxModel,
        profile: Profile,
        origins: Mapping[str, str],
        raw: Sequence[str],
    ) -> None:
        """Draw the neighbours, once for all rows.

        Args:
            model: the exported model, which answers for the neighbours.
            profile: of the training rows, from which values are drawn.
            origins: the raw column of each prepared one.
            raw: the raw columns, in the order in which they are explained.
        """
        # one draw for all rows and processes: the same row gets the same explanation
        draw = np.random.default_rng(0)
        # from the profile of the training rows: a version keeps none of the rows themselves
        known = {column.name: column for column in profile.columns}
        self._model = model
        self._columns = (*model.numbers, *model.categories, *model.texts)
        self._place = [list(raw).index(origins[name]) for name in self._columns]
        # a profile counts the words of a text only: without it means with none
        self._drawn = {
            name: np.full(SAMPLES, MISSING, object)
            if name in model.texts
            else draw_values(known[name], SAMPLES, draw)
            for name in self._columns
        }
        self._kept = draw.random((SAMPLES, len(raw))) < 0.5
        # the first neighbour is the row itself, as in lime's own sampling
        self._kept[0] = True
        # Euclidean, as lime's, between rows of 0 and 1
        self._distances = np.sqrt((~self._kept).sum(axis=1))
        self._ridge = Ridge(self._kept.astype(np.float64), kernel(self._distances, len(raw)))

    def attribute(
        self, arrays: Mapping[str, Array], outputs: Integers
    ) -> tuple[Attributed, Floats]:
        """Explain each prepared row; return also the (n,) R² of the linear models.

        Args:
            arrays: (n,) cells by prepared column.
            outputs: (n,) places among the model's answers: a class, or 0 for a regression.
        """
        fitted = [
            self._around({name: cells[row] for name, cells in arrays.items()}, output)
            for row, output in enumerate(outputs.tolist())
        ]
        base, values, fits = (np.array(part) for part in zip(*fitted, strict=True))
        return Attributed(base, values, np.zeros(len(base))), fits

    def _around(self, row: Mapping[str, Any], output: int) -> tuple[float, Floats, float]:
        from lime.lime_base import LimeBase

        neighbours = {
            name: np.where(self._kept[:, place], row[name], self._drawn[name])
            for name, place in zip(self._columns, self._place, strict=True)
        }
        answers = self._model.predict(neighbours).reshape(len(self._kept), -1)
        base = LimeBase(lambda distances: kernel(distances, self._kept.shape[1]))
        intercept, weights, fit, _ = base.explain_instance_with_data(
            self._kept,
            answers,
            self._distances,
            label=output,
            num_features=0,  # not read, since none is selected
            feature_selection="none",
            # LimeBase fits the very object that it is given; threads must not share one
            model_regressor=copy(self._ridge),
        )
        # lime orders its pairs of column and weight by size
        return intercept, np.array([weight for _, weight in sorted(weights)]), fit


class Ridge:
    """Weighted least squares with LIME's own penalty of one, solved once for all answers.

    It takes the place of scikit-learn's Ridge, lime's default, which gives the same and takes most
    of the time: which columns are kept is the same around every row, so a fit is one product.
    """

    def __init__(self, kept: Array, weights: Array) -> None:
        """Solve it for (n, columns) of 0 and 1, of which each row counts by its (n,) weight."""
        self._weights = weights / weights.sum()
        self._means = self._weights @ kept
        apart = kept - self._means
        # the penalty is set against the weights as they come, and spares the intercept, as in
        # scikit-learn's Ridge
        weighted = apart.T * weights
        self._solved = np.linalg.solve(weighted @ apart + np.eye(kept.shape[1]), weighted)

    def fit(self, kept: Array, answers: Array, sample_weight: Array) -> None:
        self.coef_ = np.einsum("dn,n->d", self._solved, answers)
        self.intercept_ = float(self._weights @ answers - self._means @ self.coef_)

    def predict(self, kept: Array) -> Floats:
        sums = np.einsum("nd,d->n", kept.astype(np.float64), self.coef_)
        return np.asarray(sums + self.intercept_)

    def score(self, kept: Array, answers: Array, sample_weight: Array) -> float:
        around = self._weights @ (answers - self._weights @ answers) ** 2
        missed = self._weights @ (answers - self.predict(kept)) ** 2
        # where every answer is the same, rounding alone would decide
        return float(1 - missed / around) if around > 1e-24 else 0.0


def kernel(distances: Floats, columns: int) -> Floats:
    """Return how much a neighbour counts, as lime's tabular explainer has it.

    Args:
        distances: (n,) roots of the number of columns replaced.
        columns: of a row.

    >>> kernel(np.array([0.0, 1.5]), 4).round(3).tolist()
    [1.0, 0.607]
    """
    width = WIDTH * np.sqrt(columns)
    return np.asarray(np.sqrt(np.exp(-(distances**2) / width**2)))


def draw_values(column: ColumnProfile, samples: int, draw: np.random.Generator) -> Array:
    """Return values as the training rows had them: float32 with NaN, or text.

    >>> from tasks.drift.profiling import target_profile
    >>> profile = target_profile(["a", None], ("a",))
    >>> sorted(set(draw_values(profile, 50, np.random.default_rng(0))))
    ['__missing__', 'a']
    """
    number = column.kind == "number"
    absent = np.float32(np.nan) if number else MISSING
    made = np.full(samples, absent, np.float32 if number else object)
    there = draw.random(samples) >= column.missing_share
    total = column.counts.sum()
    if total:
        there_too = draw.choice(column.values, samples, p=column.counts / total)
        made[there] = there_too[there]
    return made
