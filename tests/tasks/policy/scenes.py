"""A champion in an ordinary month, to be changed one thing at a time."""

from __future__ import annotations

from datetime import datetime

from tasks.policy.situation import DriftFigure, ErrorChange, MetricValue, Refusals, Situation


def figure(
    value: float, around: float = 0.01, *, rows: int = 28_000, labelled: int = 28_000
) -> MetricValue:
    return MetricValue("roc_auc", value, value - around, value + around, rows, labelled)


QUIET = Situation(
    at=datetime(2013, 5, 31, 23),
    batches=2,
    rows=56_000,
    fitted_rows=80_000,
    fitted_until=datetime(2013, 3, 31, 23),
    reference=figure(0.70),
    greater_is_better=True,
    live=figure(0.69),
    recent=(figure(0.695), figure(0.69)),
    estimated=figure(0.70, labelled=0),
    drift=DriftFigure(0.1, 0.3, "temperature"),
    errors=ErrorChange(2),
    refused=Refusals(0.0, 5),
    learnable=56_000,
)
