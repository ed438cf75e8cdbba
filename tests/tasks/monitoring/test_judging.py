from __future__ import annotations

import math

import numpy as np
import pytest

from tasks.evaluation.bootstrap import Sampling, interval
from tasks.evaluation.evaluate import rounds_for
from tasks.evaluation.metrics import METRICS
from tasks.monitoring.judging import bootstrap, live_figure


def answers(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    y = draw.integers(0, 2, rows)
    chance = np.clip(draw.normal(0.4 + 0.2 * y, 0.3), 0, 1).round(2)
    return y, np.column_stack([1 - chance, chance])


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
@pytest.mark.parametrize("rows", [20, 501, 5000])
def test_the_interval_is_the_live_monitors_own(metric: str, rows: int) -> None:
    y, chance = answers(rows, rows)
    ours = bootstrap(metric, y, chance, 0.95, 7)
    theirs = interval(METRICS[metric], y, chance, Sampling(0.95, 7, rounds_for(rows)))
    assert ours.value == theirs.value
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_without_labels_there_is_no_figure_and_one_class_gives_none_that_counts() -> None:
    y, chance = answers(30, 1)
    known = {"confidence": 0.9, "seed": 1}
    assert live_figure("roc_auc", y[:0], chance[:0], 30, **known) is None
    figure = live_figure("roc_auc", np.ones(30, int), chance, 40, **known)
    assert figure is not None
    assert math.isnan(figure.value)
    assert not figure.known
    assert figure.coverage == 0.75
