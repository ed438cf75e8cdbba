"""What was spent, as values: by month and kind of run, and what retrainings bought. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.ledger.entry import Entry
from tasks.metering import Cost, sum_costs

KINDS = ("training", "decision", "ingest", "label", "score", "backtest")


@dataclass(frozen=True)
class MeasuredRun:
    """One run that was made; `cost` is None where an earlier release did not measure it."""

    kind: str
    at: datetime
    cost: Cost | None


@dataclass(frozen=True)
class Line:
    """The runs of one kind in one month (2013-05); `unknown` of them nobody measured."""

    month: str
    kind: str
    runs: int
    unknown: int
    cost: Cost


@dataclass(frozen=True)
class Purchase:
    """What one training cost and gained at its gate; `gain` is None without a champion before it.

    `outcome` is what followed: promote, refused, awaiting approval.
    """

    version: int
    at: datetime
    cpu_seconds: float
    gain: float | None
    metric: str
    outcome: str


@dataclass(frozen=True)
class Spending:
    """What one pipeline spent, what its retrainings bought, and what its folders hold in bytes."""

    pipeline: str
    runs: tuple[MeasuredRun, ...]
    purchases: tuple[Purchase, ...]
    stored: Mapping[str, int]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The months in order, and in each its kinds."""
        return by_month(self.runs)

    @property
    def total(self) -> Line:
        """All of it."""
        return sum_runs("total", "", self.runs)


def by_month(runs: Sequence[MeasuredRun]) -> tuple[Line, ...]:
    """Return a line for each month and kind that has runs.

    >>> from datetime import UTC
    >>> may = datetime(2013, 5, 2, tzinfo=UTC)
    >>> runs = [MeasuredRun("training", may, cost) for cost in (Cost(60.0, 500), None)]
    >>> [(line.month, line.kind, line.runs, line.unknown) for line in by_month(runs)]
    [('2013-05', 'training', 2, 1)]
    """
    parts: dict[tuple[str, int, str], list[MeasuredRun]] = {}
    for run in runs:
        place = KINDS.index(run.kind) if run.kind in KINDS else len(KINDS)
        parts.setdefault((f"{run.at:%Y-%m}", place, run.kind), []).append(run)
    return tuple(sum_runs(month, kind, parts[month, at, kind]) for month, at, kind in sorted(parts))


def sum_runs(month: str, kind: str, runs: Sequence[MeasuredRun]) -> Line:
    """Return the sum of some runs."""
    costs = [run.cost for run in runs if run.cost is not None]
    return Line(month, kind, len(runs), len(runs) - len(costs), sum_costs(costs))


def purchase(entry: Entry, cost: Cost | None) -> Purchase | None:
    """Return what a verdict's training bought, or None where it is not known what it cost."""
    if cost is None or entry.version is None:
        return None
    figures, gain = entry.figures, entry.figures.get("gain")
    return Purchase(
        entry.version,
        entry.at,
        cost.cpu_seconds,
        None if gain is None else float(gain),
        str(figures.get("metric", "")),
        str(figures.get("next", "")),
    )
