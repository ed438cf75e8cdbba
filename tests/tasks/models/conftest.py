"""A small messy data set: what every family must learn from and answer to."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.features.schema import Columns
from tasks.models.export import to_onnx
from tasks.models.families import FAMILIES
from tasks.models.model import Model

TASKS = ("binary", "multiclass", "regression")
COLUMNS = Columns(
    ("amount", "never missing", "mostly missing", "no value", "constant", "large é"),
    ("few", "many", "probabilities", "one level"),
)


@dataclass(frozen=True)
class Messy:
    """Prepared rows to learn from and, with surprises in them, to answer.

    What a family learns from them with its defaults is fitted and exported once for all tests,
    which change nothing of it.
    """

    fit: pd.DataFrame
    ask: pd.DataFrame
    y: dict[str, np.ndarray]
    _fitted: dict[tuple[str, str], Model] = field(default_factory=dict)
    _exported: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def fitted(self, family: str, task: str) -> Model:
        """Return the family's model for a task; a warning at its fit is an error."""
        if (family, task) not in self._fitted:
            model: Any = FAMILIES[family].build({}, COLUMNS, task, 7)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                self._fitted[family, task] = model.fit(self.fit, self.y[task])
        return self._fitted[family, task]

    def exported(self, family: str, task: str) -> bytes:
        """Return its export."""
        if (family, task) not in self._exported:
            self._exported[family, task] = to_onnx(self.fitted(family, task), COLUMNS, task)
        return self._exported[family, task]


def rows(count: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    numbers = {
        "amount": np.where(draw.random(count) < 0.2, np.nan, draw.normal(size=count).round(1)),
        "never missing": draw.integers(0, 30, count),
        "mostly missing": np.where(draw.random(count) < 0.9, np.nan, draw.random(count)),
        "no value": np.full(count, np.nan),
        "constant": np.full(count, 3.5),
        "large é": 1e7 + draw.normal(size=count),
    }
    categories = {
        "few": draw.choice(["a", "b", "__missing__", "rare"], count, p=[0.5, 0.4, 0.095, 0.005]),
        "many": [f"level {i}" for i in draw.integers(0, 60, count)],
        "probabilities": draw.choice(["x", "y'\"", "ß"], count),
        "one level": ["only"] * count,
    }
    made = pd.DataFrame({**numbers, **categories})
    return made.astype(dict.fromkeys(COLUMNS.numbers, "float32"))


@pytest.fixture(scope="session")
def messy() -> Messy:
    return make_messy()


@cache
def make_messy() -> Messy:
    """Return it, the same for the tests of the models and for those of their explanations."""
    fit, ask = rows(600, 1), rows(300, 2)
    ask.loc[0:20, "few"] = "never seen"
    ask.loc[10:30, "many"] = "😀"
    ask.loc[20:40, "probabilities"] = "__missing__"
    ask.loc[30:60, "never missing"] = np.nan
    ask.loc[60:70, "amount"] = np.finfo(np.float32).max
    ask.loc[70:80, "amount"] = -np.finfo(np.float32).max
    ask.loc[80:90, "no value"] = 1.0
    draw = np.random.default_rng(3)
    score = fit["never missing"] / 15 + (fit["few"] == "a") + draw.normal(size=len(fit))
    score = score.to_numpy(dtype=np.float64)
    multiclass = np.digitize(score, [0.5, 1.5, 2.5])
    multiclass[:2] = 4
    return Messy(
        fit,
        pd.concat([ask, fit], ignore_index=True),
        {
            "binary": (score > 2.2).astype(np.int64),
            "multiclass": multiclass,
            "regression": 1e6 + 250 * score,
        },
    )
