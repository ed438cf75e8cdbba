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
# Another processor, or another release of ONNX Runtime, sums float32 in another order.
TOLERANCE = 1e-5
Numbers = npt.NDArray[np.floating[Any]]
Cell = float | str | None


@dataclass(frozen=True)
class Golden:
    """At most 20 prepared rows: the cells of each column, numbers or texts, and the answers.

    `columns` are all of them in the order the model takes them; `outputs` holds one row of cells
    a golden row: probabilities, or one value.
    """

    numbers: Mapping[str, tuple[Cell, ...]]
    categories: Mapping[str, tuple[str, ...]]
    columns: tuple[str, ...]
    outputs: tuple[tuple[Cell, ...], ...]

    @classmethod
    def of(cls, prepared: pd.DataFrame, outputs: npt.ArrayLike) -> Golden:
        """Keep the first rows with their answers: (n, classes) probabilities or (n,) values."""
        kept = prepared.head(MOST)
        answers = _rows(np.asarray(outputs, dtype=float)[: len(kept)])
        numbers = {str(c): kept[c] for c in kept.columns if kept[c].dtype.kind in "fiub"}
        texts = {str(c): kept[c] for c in kept.columns if str(c) not in numbers}
        return cls(
            {name: tuple(map(_cell, column)) for name, column in numbers.items()},
            {name: tuple(map(str, column)) for name, column in texts.items()},
            tuple(map(str, kept.columns)),
            tuple(tuple(map(_cell, row)) for row in answers),
        )

    def frame(self) -> pd.DataFrame:
        """Return the prepared rows as the model takes them: float32 numbers, text categories."""
        import pandas as pd

        numbers = {name: _numbers(cells).astype(np.float32) for name, cells in self.numbers.items()}
        texts = {name: list(cells) for name, cells in self.categories.items()}
        return pd.DataFrame(numbers | texts, columns=list(self.columns))

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
    # infinities that agree, whose difference would be NaN
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
    # JSON has neither: a missing value is null, infinities are texts
    number = float(value)
    if math.isnan(number):
        return None
    return str(number) if math.isinf(number) else number


def _numbers(cells: Sequence[Cell]) -> Numbers:
    return np.array([math.nan if cell is None else float(cell) for cell in cells], np.float64)
