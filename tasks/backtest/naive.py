"""What naive predictions would have reached along a history. Pure."""

from __future__ import annotations

import numpy as np

from tasks.backtest.fitting import HistoryRows
from tasks.config import Pipeline
from tasks.dataset.classes import order_classes
from tasks.dataset.dataset import encode
from tasks.evaluation.baselines import baselines
from tasks.evaluation.metrics import METRICS, NAN


def naive_values(
    pipeline: Pipeline, rows: HistoryRows, batches: int
) -> dict[str, tuple[float, ...]]:
    """Return for each naive prediction its metric by batch, NaN where it has none."""
    target, task = rows.frame[pipeline.target], pipeline.task
    known = np.asarray(target.notna())
    labels = () if task == "regression" else target[known].unique().tolist()
    classes = order_classes(labels, pipeline.positive)
    y, times, place = encode(target[known], classes), rows.times[known], rows.place[known]
    names = ("mean", "median") if task == "regression" else ("prior",)
    ordered = pipeline.event_time is not None
    if ordered:
        names = (*names, "last_value")
    found: dict[str, list[float]] = {name: [NAN] * batches for name in names}
    # each knows every label of the earlier batches, and `last_value` those of the batch itself
    # that are strictly earlier
    for number in range(1, batches):
        now, before = place == number, place < number
        one_class = classes and len(np.unique(y[now])) < 2
        if not now.any() or not before.any() or one_class:
            continue
        guesses = baselines(
            y[before], y[now], task=task, classes=len(classes),
            training_times=times[before] if ordered else None,
            times=times[now] if ordered else None,
        )  # fmt: skip
        for name, guess in guesses.items():
            found[name][number] = METRICS[pipeline.metric].score(y[now], guess)
    return {name: tuple(values) for name, values in found.items()}
