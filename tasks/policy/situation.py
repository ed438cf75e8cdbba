"""Everything a decision looks at, as values that others gather."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tasks.errors import DataError
from tasks.records import MaybeNaN, plain, read


class Unboxed:
    """A frozen value whose NumPy scalars become plain ones, which JSON can hold.

    >>> import numpy as np
    >>> Refusals(np.float64(0.5), np.int64(3))
    Refusals(share=0.5, batches=3)
    """

    def __post_init__(self) -> None:
        # a NumPy scalar has a shape and no length; `json` refuses it, and a repr shows its type
        for name, value in vars(self).items():
            if getattr(value, "shape", None) == ():
                object.__setattr__(self, name, value.item())


@dataclass(frozen=True)
class MetricValue(Unboxed):
    """A metric with its interval, on how many rows, and how many of them have a label.

    `value`, `low` and `high` are NaN where the metric is undefined (one class only, no label);
    `coverage` is the share of the rows that have a label, 0 without rows. `unknown` rows more have
    one of a class that the model does not know: it is wrong on each, and the value leaves them out.
    """

    metric: str
    value: MaybeNaN
    low: MaybeNaN
    high: MaybeNaN
    rows: int
    labelled: int
    unknown: int = 0
    # a field, so that every document with a figure tells it; what is read never overrides it
    coverage: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "coverage", self.labelled / self.rows if self.rows else 0.0)

    @property
    def unknown_share(self) -> float:
        """The part of the labels that is of classes which the model does not know.

        >>> MetricValue("accuracy", 0.9, 0.8, 1.0, 20, 15, unknown=5).unknown_share
        0.25
        """
        return self.unknown / (self.labelled + self.unknown) if self.unknown else 0.0

    @property
    def known(self) -> bool:
        """Whether the value and both its bounds are numbers."""
        return math.isfinite(self.value + self.low + self.high)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; NaN becomes None."""
        return dict(plain(self, nan_as_null=True))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> MetricValue:
        """Read what `to_dict` wrote."""
        # an older release counted none
        return read(cls, {"unknown": 0, **content}, "metric")


@dataclass(frozen=True)
class DriftFigure(Unboxed):
    """The weighted share of drifted columns, the pipeline's limit, and the worst in words."""

    share: MaybeNaN
    limit: float
    worst: str = ""


@dataclass(frozen=True)
class Refusals(Unboxed):
    """The share that was refused among so many recent batches."""

    share: float
    batches: int


@dataclass(frozen=True)
class ErrorChange:
    """What a detector made of a stream of errors.

    Of `rows` errors; `changes` of their mean it has found, `raised` says whether the latest was
    upwards, `before` and `after` are the means on each side of it, None without one.
    """

    rows: int
    changes: int = 0
    raised: bool = False
    before: float | None = None
    after: float | None = None


@dataclass(frozen=True, eq=False)
class Situation(Unboxed):
    """What is known when a decision is due.

    Attributes:
        at: the data's clock, the latest event time known: a replayed year behaves as the year.
        batches, rows: arrived since the champion was fitted.
        fitted_rows: rows the champion was fitted on.
        fitted_until: event time of the latest of them.
        reference: the champion's metric at its gate.
        greater_is_better: the metric's direction.
        live: its metric on the newest batch that has labels; None without one.
        recent: the live figures since it was fitted, oldest first, the newest included.
        estimated: its metric on the newest batch as estimated without labels.
        drift: the newest batch against the champion's profile.
        errors: what a detector found in its errors since it was fitted.
        refused: what was refused lately.
        suspicions: why the newest batch is held back until a person has looked, a sentence each.
        learnable: labelled rows that it was not fitted on and that are not held back; None where
            nobody counted.
        retrainings: when retraining was decided so far, by the data's clock.
        running: whether one is under way.
        expected_gain: what a retraining would buy, judged by what the past ones bought on later
            rows, see `expected_gain.py`; None where unknown.
        expected_cost: the CPU seconds it would take, judged likewise; None where unknown.

    Raises:
        DataError: some of the times have a zone and some have none.
    """

    at: datetime
    batches: int
    rows: int
    fitted_rows: int
    fitted_until: datetime
    reference: MetricValue
    greater_is_better: bool
    live: MetricValue | None = None
    recent: tuple[MetricValue, ...] = ()
    estimated: MetricValue | None = None
    drift: DriftFigure | None = None
    errors: ErrorChange | None = None
    refused: Refusals | None = None
    suspicions: tuple[str, ...] = ()
    learnable: int | None = None
    retrainings: tuple[datetime, ...] = ()
    running: bool = False
    expected_gain: float | None = None
    expected_cost: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        times = (self.at, self.fitted_until, *self.retrainings)
        # Python compares no time that has a zone with one that has none: refused before it does
        if len({time.tzinfo is None for time in times}) > 1:
            rule = "all times have a zone, or none has"
            raise DataError("situation", rule, ", ".join(str(time) for time in times))


def finite(value: float | None) -> float | None:
    """Return the number, or None where it is none that JSON can hold."""
    return value if value is not None and math.isfinite(value) else None


def unit(reference: float, greater_is_better: bool) -> float:
    """Return what drops and gains are multiples of, as the gate's thresholds are.

    1 where greater is better; errors have no common scale, so there it is the reference error.

    >>> unit(0.7, True), unit(120.0, False)
    (1.0, 120.0)
    """
    return 1.0 if greater_is_better else abs(reference)


def loss(before: float, now: float, greater_is_better: bool) -> float:
    """Return how much worse `now` is than `before`, in units; negative where it is better.

    >>> round(loss(0.70, 0.65, True), 4), loss(100.0, 110.0, False)
    (0.05, 0.1)
    """
    worse = before - now if greater_is_better else now - before
    size = unit(before, greater_is_better)
    if size:
        return worse / size
    # a reference without any error has no share to lose: any loss from there is infinite
    return 0.0 if worse == 0 else math.copysign(math.inf, worse)
