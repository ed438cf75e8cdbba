"""A small messy data set: what every family must learn from and answer to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from tasks.features.schema import Columns

TASKS = ("binary", "multiclass", "regression")
COLUMNS = Columns(
    ("amount", "never missing", "mostly missing", "no value", "constant", "large é"),
    ("few", "many", "probabilities", "one level"),
)


@dataclass(frozen=True)
class Messy:
    """Prepared rows to learn from and, with surprises in them, to answer."""

    fit: pd.DataFrame
    ask: pd.DataFrame
    y: dict[str, np.ndarray]


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


@pytest.fixture(scope="module")
def messy() -> Messy:
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
