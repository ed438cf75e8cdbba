"""What a comparison found, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tasks.drift.profile import Kind


@dataclass(frozen=True)
class ColumnDrift:
    """How one column changed.

    Attributes:
        method, score, limit: the distance, its value (None where a side has no known row), and
            what it has to reach: 0.1, or more where sampling alone would show that.
        psi: the population stability index, for information; None as for `score`.
        missing: the shares of missing rows, before and now.
        unseen: the share of rows now in categories that the reference never saw.
        weight: the share of the champion's importance.
        drifted, why: the finding, and every reason for it in words; where it did not drift though
            its score is over 0.1, why not; else empty.
    """

    name: str
    kind: Kind
    method: str
    score: float | None
    limit: float
    psi: float | None
    missing: tuple[float, float]
    unseen: float
    weight: float
    drifted: bool
    why: str

    @property
    def size(self) -> float:
        """The largest change: the score, the shift of the missing share, or the unseen share."""
        return max(self.score or 0.0, abs(self.missing[1] - self.missing[0]), self.unseen)


@dataclass(frozen=True)
class DatasetDrift:
    """Every column's finding, the largest weight times change first, and what follows.

    Attributes:
        rows: in the reference and now.
        share: the weights of the drifted columns, added up.
        limit, drifted: whether the share reaches it. Predictions and target do not count here.
        summary: one sentence.
    """

    rows: tuple[int, int]
    share: float
    limit: float
    drifted: bool
    columns: tuple[ColumnDrift, ...]
    predictions: tuple[ColumnDrift, ...]
    target: ColumnDrift | None
    summary: str

    @property
    def predictions_drifted(self) -> bool:
        """Whether the model's answers drifted."""
        return any(column.drifted for column in self.predictions)

    @property
    def anything(self) -> bool:
        """Whether there is anything to look at: a column, the answers or the target drifted."""
        found = (*self.columns, *self.predictions, *([self.target] if self.target else []))
        return any(column.drifted for column in found)

    @property
    def worst(self) -> tuple[ColumnDrift, ...]:
        """The drifted columns, in the order of `columns`."""
        return tuple(column for column in self.columns if column.drifted)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads; values of JSON only."""
        return asdict(self) | {
            "rows": list(self.rows),
            "columns": [_plain(column) for column in self.columns],
            "predictions": [_plain(column) for column in self.predictions],
            "target": _plain(self.target) if self.target else None,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> DatasetDrift:
        """Read what `to_dict` wrote.

        >>> drift = DatasetDrift((9, 0), 0.0, 0.3, False, (), (), None, "No rows came.")
        >>> DatasetDrift.from_dict(drift.to_dict()) == drift
        True
        """
        read = {
            "rows": tuple(content["rows"]),
            "columns": tuple(_column(column) for column in content["columns"]),
            "predictions": tuple(_column(column) for column in content["predictions"]),
            "target": _column(content["target"]) if content["target"] else None,
        }
        return cls(**{**content, **read})


def _plain(column: ColumnDrift) -> dict[str, Any]:
    return asdict(column) | {"missing": list(column.missing)}


def _column(content: Mapping[str, Any]) -> ColumnDrift:
    return ColumnDrift(**{**content, "missing": tuple(content["missing"])})
