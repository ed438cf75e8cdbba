"""Intervals cover as often as they say, and gains are paired and signed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import binom, norm

from tasks.config import METRICS as NAMES
from tasks.evaluation.bootstrap import (
    Interval,
    Sampling,
    interval,
    paired_gain,
    percentile_interval,
    resample,
)
from tasks.evaluation.metrics import METRICS, task_metrics
from tasks.records import read

SIMULATIONS = 150
AUC = METRICS["roc_auc"]


def binormal(rng: np.random.Generator, n: int, distance: float) -> tuple[np.ndarray, np.ndarray]:
    y = (rng.random(n) < 0.4).astype(int)
    return y, norm.cdf(rng.normal(distance * y))


def covers(found: Interval, truth: float) -> bool:
    return found.low <= truth <= found.high


def stretched(found: Interval, by: float) -> Interval:
    low, high = found.value - found.low, found.high - found.value
    return Interval(found.value, found.value - by * low, found.value + by * high)


def in_bounds(hits: int, nominal: float) -> bool:
    """Allow what chance allows once in 10,000 runs, and three points for the percentile method."""
    low = binom.ppf(0.0001, SIMULATIONS, nominal - 0.03)
    return bool(low <= hits <= binom.ppf(0.9999, SIMULATIONS, nominal + 0.03))


def test_the_interval_covers_the_true_auc_as_often_as_it_says_and_wrong_ones_do_not() -> None:
    rng = np.random.default_rng(11)
    truth = norm.cdf(1 / math.sqrt(2))
    found = [
        interval(AUC, *binormal(rng, 200, 1.0), Sampling(0.8, i, 100)) for i in range(SIMULATIONS)
    ]
    assert in_bounds(sum(covers(each, truth) for each in found), 0.8)
    for stretch in (0.6, 2.0):
        hits = sum(covers(stretched(each, stretch), truth) for each in found)
        assert not in_bounds(hits, 0.8)


def test_the_paired_gain_of_two_equally_good_models_covers_zero_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for i in range(SIMULATIONS):
        y = rng.normal(0, 1, 200)
        shared = y + rng.normal(0, 1, 200)
        one, two = shared + rng.normal(0, 0.3, 200), shared + rng.normal(0, 0.3, 200)
        gain = paired_gain(METRICS["rmse"], y, one, two, Sampling(0.9, i, 100))
        hits += covers(gain, 0.0)
    assert in_bounds(hits, 0.9)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_positive_is_better_whatever_the_direction(name: str) -> None:
    rng = np.random.default_rng(2)
    if name in NAMES["regression"]:
        y = rng.normal(0, 1, 400)
        good, bad = y + rng.normal(0, 0.1, 400), y + rng.normal(0, 2, 400)
    else:
        y = rng.integers(0, 2, 400)
        right = np.eye(2)[y]
        good, bad = (0.7 * right + 0.3 * rng.dirichlet([1, 1], 400) for _ in range(2))
        bad = rng.dirichlet([1, 1], 400)
    metric = METRICS[name]
    gain = paired_gain(metric, y, good, bad, Sampling(0.95, 1, 100))
    assert 0 < gain.low <= gain.value <= gain.high
    loss = paired_gain(metric, y, bad, good, Sampling(0.95, 1, 100))
    assert (loss.value, loss.low, loss.high) == pytest.approx((-gain.value, -gain.high, -gain.low))


def test_pairing_narrows_the_interval_of_models_that_err_alike() -> None:
    rng = np.random.default_rng(8)
    y, p = binormal(rng, 1000, 1.0)
    other = np.clip(p + rng.normal(0, 0.02, 1000), 0, 1)
    gain = paired_gain(AUC, y, p, other, Sampling(0.95, 3))
    alone = interval(AUC, y, p, Sampling(0.95, 3))
    assert gain.high - gain.low < 0.3 * (alone.high - alone.low)


def test_a_model_against_itself_gains_exactly_nothing() -> None:
    y, p = binormal(np.random.default_rng(8), 200, 1.0)
    assert paired_gain(AUC, y, p, p, Sampling(0.95, 3)) == Interval(0.0, 0.0, 0.0)


def test_equal_seeds_give_equal_intervals_and_other_seeds_others() -> None:
    y, p = binormal(np.random.default_rng(8), 200, 1.0)
    one, same, other = (interval(AUC, y, p, Sampling(0.9, seed)) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_metrics_drawn_together_have_the_interval_they_have_alone() -> None:
    y, p = binormal(np.random.default_rng(8), 200, 1.0)
    every = task_metrics("binary")
    sampling = Sampling(0.9, 4)
    values, draws = resample([each.weighted(y, p) for each in every], len(y), sampling)
    for each, value, drawn in zip(every, values, draws, strict=True):
        assert percentile_interval(value, drawn, 0.9) == interval(each, y, p, sampling)


def test_rounds_without_both_classes_are_left_out() -> None:
    y = np.zeros(30, dtype=int)
    y[:2] = 1
    found = interval(AUC, y, np.linspace(1, 0, 30), Sampling(0.95, 1))
    assert found == Interval(1.0, 1.0, 1.0)


def test_a_figure_undefined_on_the_rows_has_no_bounds() -> None:
    found = interval(AUC, np.ones(40), np.linspace(0, 1, 40), Sampling(0.95, 1))
    assert all(math.isnan(part) for part in (found.value, found.low, found.high))
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert read(Interval, json.loads(text), "interval").to_dict() == found.to_dict()
