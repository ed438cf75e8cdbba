"""Families whose scores are known beforehand, so that a search can be judged in no time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.dataset.split import Fold, forward_folds
from tasks.features.schema import Columns

COLUMNS = Columns(("x",), ())
Answer = Callable[[Mapping[str, Any], pd.DataFrame], np.ndarray]


@dataclass
class StandInModel:
    """Learns nothing; answers by its family's rule."""

    params: Mapping[str, Any]
    answer: Answer

    def fit(self, rows: pd.DataFrame, y: np.ndarray) -> StandInModel:
        assert len(rows) == len(y)
        return self

    def answers(self, rows: pd.DataFrame, classes: int) -> np.ndarray:
        return self.answer(self.params, rows)


@dataclass
class StandIn:
    """A family with one parameter, `slope`, from 0 to 3."""

    name: str
    answer: Answer
    default: float = 1.0
    tasks: tuple[str, ...] = ("regression",)
    grid: tuple[float, ...] = (0.5, 1.5, 2.5)

    @property
    def defaults(self) -> dict[str, Any]:
        return {"slope": self.default}

    def suggest(self, trial: Any) -> dict[str, Any]:
        return {"slope": trial.suggest_float(f"{self.name}.slope", 0.0, 3.0)}

    def settings(self) -> tuple[dict[str, Any], ...]:
        return tuple({"slope": value} for (value,) in itertools.product(self.grid))

    def trial_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {f"{self.name}.{key}": value for key, value in params.items()}

    def build(self, params: Mapping[str, Any], columns: Columns, task: str, seed: int) -> Any:
        assert columns == COLUMNS
        return StandInModel(params, self.answer)


def slope(params: Mapping[str, Any], rows: pd.DataFrame) -> np.ndarray:
    """Answer slope times x."""
    return params["slope"] * rows["x"].to_numpy()


def off_by(distance: float) -> Answer:
    """Answer as `slope` does, but off by `distance`."""
    return lambda params, rows: slope(params, rows) + distance


def raises(params: Mapping[str, Any], rows: pd.DataFrame) -> np.ndarray:
    """Fail, as a family may."""
    raise ZeroDivisionError(f"slope {params['slope']:.0f} of nothing")


def waits_until(instant: float) -> Answer:
    """Answer, but not before this `time.monotonic` instant."""

    def answer(params: Mapping[str, Any], rows: pd.DataFrame) -> np.ndarray:
        while time.monotonic() < instant:
            pass
        return slope(params, rows)

    return answer


def rows(
    slopes: tuple[float, ...] = (2.0, 2.0, 2.0, 2.0),
    noise: float = 0.1,
    each: int = 60,
    seed: int = 1,
) -> tuple[pd.DataFrame, np.ndarray, tuple[Fold, ...]]:
    """Return x, y = slope * x + noise where the slope drifts, and a fold per slope but one."""
    rng = np.random.default_rng(seed)
    true = np.repeat(slopes, each)
    x = rng.normal(0, 1, len(true))
    y = true * x + rng.normal(0, noise, len(true))
    times = np.arange(len(true)).astype("datetime64[h]")
    return pd.DataFrame({"x": x}), y, forward_folds(times, len(slopes) - 1)
