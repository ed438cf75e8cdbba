"""Golden rows: a few prepared rows kept with the model, and the answers it gave to them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
        numbers: column name to its values; None is a missing value.
        categories: column name to its texts.
        order: every column in the order the model takes them.
        outputs: one row of outputs a golden row: probabilities, or one value.
    """

    numbers: Mapping[str, tuple[float | None, ...]]
    categories: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    outputs: tuple[tuple[float, ...], ...]

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
            tuple(tuple(float(value) for value in row) for row in answers),
        )

    def frame(self) -> pd.DataFrame:
        """Return the prepared rows as the model takes them: float32 numbers, text categories."""
        import pandas as pd

        columns: dict[str, Any] = {}
        for name in self.order:
            if name in self.numbers:
                cells = [math.nan if value is None else value for value in self.numbers[name]]
                columns[name] = np.asarray(cells, dtype=np.float32)
            else:
                columns[name] = list(self.categories[name])
        return pd.DataFrame(columns, columns=list(self.order))

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads; values of JSON only, infinities as text."""
        return {
            "columns": list(self.order),
            "numbers": {k: [_written(v) for v in cells] for k, cells in self.numbers.items()},
            "categories": {k: list(cells) for k, cells in self.categories.items()},
            "outputs": [[_written(_cell(v)) for v in row] for row in self.outputs],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Golden:
        """Read what `to_dict` wrote."""
        numbers = {k: tuple(_read(v) for v in cells) for k, cells in content["numbers"].items()}
        outputs = tuple(
            tuple(math.nan if v is None else float(v) for v in row) for row in content["outputs"]
        )
        texts = {k: tuple(cells) for k, cells in content["categories"].items()}
        return cls(numbers, texts, tuple(content["columns"]), outputs)


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


def _cell(value: Any) -> float | None:
    number = float(value)
    return None if math.isnan(number) else number


def _written(value: float | None) -> float | str | None:
    return str(value) if value is not None and math.isinf(value) else value


def _read(value: Cell) -> float | None:
    return None if value is None else float(value)
