"""A history with everything already fitted and judged: what a replay may look up. Pure values.

A model is named by `end`: it was fitted on all rows of the batches up to that one (or on the
latest of them, as the recipe says). A cell holds what is measured when a model meets a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from tasks.arrays import Floats
from tasks.errors import DataError
from tasks.policy.situation import DriftFigure, MetricValue, Unboxed
from tasks.records import plain


@dataclass(frozen=True)
class Batch(Unboxed):
    """One batch.

    Attributes:
        name: what a person calls it.
        start, end: the event times of its first and last row, never after they arrived.
        rows, labelled: its rows, and those with a label by now.
        arrived: when the last of its rows came, in the ledger's time.
        suspicions: why it was held back when it came, a sentence each.
        held: no person has cleared it since, so no model learns from it.
    """

    name: str
    start: datetime
    end: datetime
    rows: int
    labelled: int
    arrived: datetime
    suspicions: tuple[str, ...] = ()
    held: bool = False


@dataclass(frozen=True, eq=False)
class Cell:
    """One model on one later batch.

    Attributes:
        live: its metric there; None where the batch has no label.
        drift: the batch against the model's profile.
        estimated: its metric as estimated without labels.
        errors: (labelled,) its errors in time order, each 0 to 1.
        late: every row is older than what the model was fitted on.
    """

    live: MetricValue | None
    drift: DriftFigure | None = None
    estimated: MetricValue | None = None
    errors: Floats | None = None
    late: bool = False


@dataclass(frozen=True)
class Fit(Unboxed):
    """What fitting one model took, on how many rows up to when, and its metric at its own gate."""

    cpu_seconds: float
    seconds: float
    rows: int
    reference: MetricValue
    until: datetime


@dataclass(frozen=True, eq=False)
class History:
    """Batches in order of arrival, the models fitted along them, and how each did later.

    Attributes:
        batches: oldest first.
        first: the model in service when the replay starts, fitted on the batches up to it.
        metric, greater_is_better: the metric that decides, and its direction.
        cells: by (end, batch), for every fitted end and every later batch.
        fits: by end; at least `first`. Where an end is missing, the next older one stands in.
        refusals: when each refused batch arrived.
        naive: for each naive prediction its metric by batch, NaN where it has none.
        recipe: which rows a model is fitted on, in words.

    Raises:
        DataError: `first` leaves nothing to replay, a fit or a cell is missing, or a naive
            prediction is not given for every batch.
    """

    batches: tuple[Batch, ...]
    first: int
    metric: str
    greater_is_better: bool
    cells: Mapping[tuple[int, int], Cell]
    fits: Mapping[int, Fit]
    naive: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    recipe: str = "all rows"
    refusals: tuple[datetime, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.batches)
        if not 0 <= self.first < count - 1:
            came = f"model {self.first} of {count} batches"
            raise DataError("history", "a batch follows the first model", came, "Add batches.")
        if self.first not in self.fits:
            raise DataError("history", f"model {self.first} is fitted", sorted(self.fits))
        wanted = {(end, number) for end in self.fits for number in range(end + 1, count)}
        missing = sorted(wanted - self.cells.keys())
        if missing:
            rule = "every model is judged on every later batch"
            raise DataError("history", rule, f"no cell for {missing[:3]}")
        short = [name for name, values in self.naive.items() if len(values) != count]
        if short:
            raise DataError("history", "naive metrics have a value a batch", ", ".join(short))

    @property
    def replayed(self) -> range:
        """The batches that a replay passes through."""
        return range(self.first + 1, len(self.batches))

    @cached_property
    def values(self) -> Floats:
        """(batches, batches) live metric by model and batch; NaN where there is none."""
        table = np.full((len(self.batches), len(self.batches)), np.nan)
        for (end, number), cell in self.cells.items():
            if end in self.fits and number > end and cell.live is not None:
                table[end, number] = cell.live.value
        return table

    @cached_property
    def judged(self) -> tuple[int, ...]:
        """The replayed batches on which every model has a metric: means are taken over them."""
        values = self.values
        # the same batches for every model: one that misses a hard batch would look better for it
        return tuple(
            number
            for number in self.replayed
            if all(np.isfinite(values[end, number]) for end in self.fits if end < number)
        )

    @property
    def sign(self) -> int:
        """1 where greater is better, else -1."""
        return 1 if self.greater_is_better else -1

    def naive_means(self) -> dict[str, float]:
        """Return the mean metric of each naive prediction over the judged batches."""
        places = list(self.judged)
        return {
            name: float(np.mean(np.array(values)[places])) if places else float("nan")
            for name, values in self.naive.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: everything but the cells."""
        means = self.naive_means()
        told = {
            "metric": self.metric,
            "greater_is_better": self.greater_is_better,
            "recipe": self.recipe,
            "first": self.first,
            "batches": self.batches,
            "refusals": self.refusals,
            "fits": [{"end": end, **vars(fit)} for end, fit in sorted(self.fits.items())],
            "judged": self.judged,
            "naive": {
                name: {"values": values, "mean": means[name]} for name, values in self.naive.items()
            },
        }
        return dict(plain(told, nan_as_null=True))
