"""Golden rows: a few prepared rows kept with the model, and the answers it gave to them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

MOST = 20
TOLERANCE = 1e-5
Numbers = npt.NDArray[np.floating[Any]]
Cell = float | str | None


@dataclass(frozen=True)
class Golden:
    """At most 20 prepared rows by column, and the expected outputs.

    Attributes:
        numbers: column name to its cells; None is a missing value, and infinities are text, as
            JSON holds no such numbers.
        categories: column name to its texts.
        columns: every column in the order the model takes them.
        outputs: one row of cells a golden row: probabilities, or one value.
    """

    numbers: Mapping[str, tuple[Cell, ...]]
    categories: Mapping[str, tuple[str, ...]]
    columns: tuple[str, ...]
    outputs: tuple[tuple[Cell, ...], ...]

    @classmethod
    def of(cls, prepared: pd.DataFrame, outputs: npt.ArrayLike) -> Golden:
        """Keep the first rows of a prepared frame with what the model answered to them.

        `outputs` is (rows, classes) probabilities or (rows,) values.
        """
        kept = prepared.head(MOST)
        answers = _rows(np.asarray(outputs, dtype=float)[: len(kept)])
        numbers = {str(c): kept[c] for c in kept.columns if kept[c].dtype.kind in "fiub"}
        texts = {str(c): kept[c] for c in kept.columns if str(c) not in numbers}
        return cls(
            {name: tuple(_cell(value) for value in column) for name, column in numbers.items()},
            {name: tuple(str(value) for value in column) for name, column in texts.items()},
            tuple(str(column) for column in kept.columns),
            tuple(tuple(_cell(value) for value in row) for row in answers),
        )

    def frame(self) -> pd.DataFrame:
        """Return the prepared rows as the model takes them: float32 numbers, text categories."""
        import pandas as pd

        columns: dict[str, Any] = {}
        for name in self.columns:
            if name in self.numbers:
                columns[name] = _numbers(self.numbers[name]).astype(np.float32)
            else:
                columns[name] = list(self.categories[name])
        return pd.DataFrame(columns, columns=list(self.columns))

    @property
    def answers(self) -> Numbers:
        """The outputs as (rows, outputs) float64."""
        return _rows(np.array([_numbers(row) for row in self.outputs], dtype=np.float64))


def difference(expected: npt.ArrayLike, came: npt.ArrayLike) -> float:
    """Return the largest |came - expected| / max(1, |expected|).

    Two NaN agree; a NaN against a number, or another shape, is infinitely far.

    >>> difference([0.5, float("nan")], [0.5, float("nan")])
    0.0
    >>> difference([1.0], [1.0, 2.0])
    inf
    """
    left, right = _rows(np.asarray(expected, float)), _rows(np.asarray(came, float))
    if left.shape != right.shape:
        return math.inf
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        distance = np.abs(right - left) / np.maximum(1.0, np.abs(left))
    distance = np.where(np.isnan(distance), math.inf, distance)
    return float(np.max(np.where(same, 0.0, distance), initial=0.0))


def agrees(expected: npt.ArrayLike, came: npt.ArrayLike, tolerance: float = TOLERANCE) -> bool:
    """Say whether |came - expected| <= tolerance + tolerance x |expected| everywhere.

    >>> agrees([[1000.0]], [[1000.009]]), agrees([[1.0]], [[1.1]])
    (True, False)
    """
    left, right = _rows(np.asarray(expected, float)), _rows(np.asarray(came, float))
    return left.shape == right.shape and np.allclose(
        right, left, rtol=tolerance, atol=tolerance, equal_nan=True
    )


def _rows(values: Numbers) -> Numbers:
    return values.reshape(len(values), -1) if values.size else values.reshape(0, 1)


def _cell(value: Any) -> Cell:
    number = float(value)
    if math.isnan(number):
        return None
    return str(number) if math.isinf(number) else number


def _numbers(cells: Sequence[Cell]) -> Numbers:
    return np.array([math.nan if cell is None else float(cell) for cell in cells], np.float64)
