"""Baselines use the training rows and what came strictly before, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluation.baselines import baselines, last_value
from tasks.evaluation.metrics import METRICS


def test_the_prior_is_the_training_shares_and_its_class_the_majority() -> None:
    training_y, y = np.array([0, 1, 1, 1, 2]), np.array([0, 0, 1, 2])
    prior = baselines(training_y, y, task="multiclass", classes=3)["prior"]
    assert prior.tolist() == [[0.2, 0.6, 0.2]] * 4
    assert METRICS["accuracy"].score(y, prior) == 0.25


def test_regression_has_mean_and_median() -> None:
    found = baselines(np.array([0.0, 1.0, 8.0]), np.array([5.0, 6.0]), task="regression")
    assert {name: values.tolist() for name, values in found.items()} == {
        "mean": [3.0, 3.0],
        "median": [1.0, 1.0],
    }


@settings(max_examples=60, deadline=None)
@given(
    training=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    judged=st.lists(st.integers(6, 12), min_size=1, max_size=12),
    seed=st.integers(0, 99),
)
def test_the_last_value_is_the_label_of_the_latest_strictly_earlier_row(
    training: list[int], judged: list[int], seed: int
) -> None:
    times = np.array([*training, *judged])
    y = np.random.default_rng(seed).normal(size=len(times))
    split = len(training)
    when = times.astype("datetime64[D]")
    found = last_value(y[:split], when[:split], y[split:], when[split:])
    for place, value in enumerate(found, start=split):
        earlier = np.flatnonzero(times < times[place])
        latest = earlier[times[earlier] == times[earlier].max()]
        assert value == y[latest[-1]]


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_last_class_is_said_with_certainty(task: str) -> None:
    day = np.arange(4).astype("datetime64[D]")
    y = np.array([0, 1, 1, 0])
    found = baselines(y[:2], y[2:], task=task, classes=2, training_times=day[:2], times=day[2:])
    assert found["last_value"].tolist() == [[0, 1], [0, 1]]
