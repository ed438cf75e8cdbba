"""What a comparison found, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.drift.profile import Kind


@dataclass(frozen=True)
class ColumnDrift:
    """How one column changed.

    Attributes:
        method, score, limit: the distance, its value (None where a side has no known row), and
            what it has to reach: 0.1, or more where sampling alone would show that.
        psi: the population stability index, for information; None as for `score`.
        missing: the shares of missing rows, before and now.
        unseen: the share of rows now in categories that the reference never saw; of a free text
            the share of words.
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
    def anything(self) -> bool:
        """Whether there is anything to look at: a column, the answers or the target drifted."""
        found = (*self.columns, *self.predictions, *([self.target] if self.target else []))
        return any(column.drifted for column in found)

    @property
    def worst(self) -> tuple[ColumnDrift, ...]:
        """The drifted columns, in the order of `columns`."""
        return tuple(column for column in self.columns if column.drifted)
