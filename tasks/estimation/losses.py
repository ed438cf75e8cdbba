"""Direct loss estimation: a model of the model's error, with an interval.

DLE as NannyML defines it: a gradient boosting model learns the error from the features and the
prediction (https://nannyml.readthedocs.io, "Direct Loss Estimation"). Ours is one of the
pipeline's own families, exported like any other model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from tasks.arrays import Floats
from tasks.errors import DataError
from tasks.estimation.bins import Bins
from tasks.features.schema import Columns
from tasks.models.runtime import OnnxModel

# Underlined twice, so that no column of the data's is called so.
PREDICTION = "__prediction"
FAMILY = "lightgbm"
# Small on purpose: it is fitted four times a loss, and errors are noisier than labels.
PARAMS = {"n_estimators": 50, "learning_rate": 0.1, "num_leaves": 15, "min_child_samples": 100}
FOLDS = 3
FEWEST = 200


@dataclass(frozen=True)
class Losses:
    """One loss as a function of features and prediction.

    `model` is ONNX, or empty where it knew no more out of fold than the holdout's mean `level`.
    `bins` part the holdout by the out-of-fold estimate, `spreads` are the variances of what it
    missed in each.
    """

    model: bytes
    level: float
    bins: Bins
    spreads: tuple[float, ...]

    @classmethod
    def fit(
        cls, loss: Floats, predictions: Floats, prepared: pd.DataFrame | None, seed: int
    ) -> Losses:
        """Learn losses of the holdout from its predictions and prepared rows.

        Args:
            loss: (n,) in the metric's unit, or its square.
            predictions: (n,) values.
            prepared: n rows as the model saw them; None leaves the prediction alone.
            seed: of the folds and the model.
        """
        level, seen = float(loss.mean()), loss_features(predictions, prepared)
        guess = np.full(len(loss), level)
        if len(loss) >= FEWEST and loss.std() > 0:
            fold = np.random.default_rng(seed).permutation(len(loss)) % FOLDS
            for number in range(FOLDS):
                rest, held = fold != number, fold == number
                # the exported model guesses here as later: the spreads are of what it misses
                model = OnnxModel(_export(seen[rest], loss[rest], seed))
                guess[held] = np.maximum(model.predict(seen[held]), 0)
        gain = (loss - level) ** 2 - (loss - guess) ** 2
        # as for the isotonic curve: a model that is not surely better out of fold only adds its
        # noise
        if gain.mean() <= gain.std() / np.sqrt(len(gain)):
            return cls(b"", level, Bins((), (len(loss),)), (float(loss.var()),))
        bins = Bins.cut(guess)
        missed, counts = (loss - guess) ** 2, np.array(bins.counts)
        spreads = tuple((bins.sums(guess, missed) / counts).tolist())
        return cls(_export(seen, loss, seed), level, bins, spreads)

    @cached_property
    def _loaded(self) -> OnnxModel:
        return OnnxModel(self.model)

    def estimate(self, predictions: Floats, prepared: pd.DataFrame | None) -> tuple[float, float]:
        """Return the expected mean loss of rows and its variance; arguments as for `fit`."""
        rows = len(predictions)
        guess, seen = np.full(rows, self.level), loss_features(predictions, prepared)
        if self.model:
            guess = np.maximum(self._loaded.predict(seen), 0)
        share = self.bins.sums(guess, np.ones(rows)) / rows
        spread = np.array(self.spreads)
        # each row's own noise, and what the bin's holdout rows did not know, which its rows share
        noise, shared = share / rows, share**2 / np.array(self.bins.counts)
        return float(guess.mean()), float(spread @ (noise + shared))


def loss_features(predictions: Floats, prepared: pd.DataFrame | None) -> pd.DataFrame:
    """Return what the loss is learned from: prepared columns, and the prediction beside them."""
    own = pd.DataFrame({PREDICTION: np.asarray(predictions, dtype=np.float32)})
    if prepared is None:
        return own
    if len(prepared) != len(own):
        came = f"{len(prepared)} rows and {len(own)} predictions"
        raise DataError("estimation", "every prepared row has one prediction", came)
    return pd.concat([prepared.reset_index(drop=True), own], axis=1)


def _export(seen: pd.DataFrame, loss: Floats, seed: int) -> bytes:
    from tasks.models.export import to_onnx
    from tasks.models.families import FAMILIES

    names = [str(name) for name in seen]
    numbers = tuple(name for name in names if pd.api.types.is_numeric_dtype(seen[name]))
    columns = Columns(numbers, tuple(name for name in names if name not in numbers))
    model = FAMILIES[FAMILY].build(PARAMS, columns, "regression", seed, noisy=True)
    model.fit(seen, loss)
    return to_onnx(model, columns, "regression")
