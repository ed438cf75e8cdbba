"""The calibration error is small where probabilities come true, and large where not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tasks.evaluation.calibration import calibration_error, reliability


def rows(n: int = 20_000, seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 5, n)
    return (rng.random(n) < p).astype(int), p


def test_true_probabilities_have_a_small_error_and_shifted_ones_their_shift() -> None:
    y, p = rows()
    assert calibration_error(y, p, task="binary") < 0.012
    shifted = np.clip(p + 0.2, 0, 1)
    assert calibration_error(y, shifted, task="binary") == pytest.approx(0.2, abs=0.01)


def test_overconfidence_cancels_in_the_mean_but_not_in_the_error() -> None:
    y = np.tile([0, 1], 5000)
    p = np.where(np.arange(10_000) < 5000, 0.2, 0.8)
    assert calibration_error(y, p, task="binary") == pytest.approx(0.3)


def test_equal_probabilities_share_a_bin_whatever_the_order_of_the_rows() -> None:
    y = np.repeat([0, 1], [3000, 1000])
    assert calibration_error(y, np.full(4000, 0.25), task="binary") == 0
    assert len(reliability(y, np.full(4000, 0.25), task="binary")[0]) == 1


def test_few_rows_do_not_show_chance_as_error() -> None:
    errors = [calibration_error(*rows(200, seed), task="binary") for seed in range(50)]
    assert np.quantile(errors, 0.95) < 0.1


def test_bins_hold_equal_rows() -> None:
    y, p = rows()
    said, came, count = reliability(y, p, task="binary")
    assert len(said) == 15
    assert count.min() >= 20_000 // 15 - 1
    assert (np.diff(said) > 0).all()
    assert count @ came == pytest.approx(y.sum())


def test_multiclass_judges_the_most_probable_class() -> None:
    rng = np.random.default_rng(1)
    p = rng.dirichlet([2, 1, 1], 20_000)
    y = (rng.random((20_000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    assert calibration_error(y, p, task="multiclass") < 0.015
    sure = np.eye(3)[p.argmax(axis=1)]
    right = (p.argmax(axis=1) == y).mean()
    assert calibration_error(y, sure, task="multiclass") == pytest.approx(1 - right)


def test_regression_is_the_bias_in_spreads() -> None:
    y = np.random.default_rng(1).normal(10, 4, 5000)
    assert calibration_error(y, y + 2, task="regression") == pytest.approx(2 / y.std())
    assert math.isnan(calibration_error(np.ones(5), np.zeros(5), task="regression"))
    assert math.isnan(calibration_error(np.empty(0), np.empty(0), task="regression"))
