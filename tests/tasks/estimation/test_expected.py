"""Expected metrics against what they must be: known labels, every labelling, small changes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tasks.config import METRICS as NAMES
from tasks.estimation.expected import expected_metric, variance
from tasks.evaluation.metrics import METRICS

BINARY, MULTICLASS = NAMES["binary"], NAMES["multiclass"]
BOTH = [(name, 2) for name in BINARY] + [(name, 3) for name in MULTICLASS]
Array = np.ndarray[Any, Any]


def stated(rows: int, classes: int, seed: int) -> Array:
    """Probabilities with ties, so that a ranking has equal places."""
    drawn = np.random.default_rng(seed).integers(1, 6, size=(rows, classes)).astype(float)
    return drawn / drawn.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("metric", "classes"), BOTH)
@pytest.mark.parametrize("seed", range(5))
def test_known_labels_give_the_metric_itself(metric: str, classes: int, seed: int) -> None:
    predictions = stated(60, classes, seed)
    y = np.random.default_rng(seed).integers(0, classes, 60)
    chance = np.eye(classes)[y]
    value, gradient = expected_metric(metric, chance, predictions)
    assert value == pytest.approx(METRICS[metric].score(y, predictions), rel=1e-9)
    assert variance(gradient, chance) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(("metric", "classes"), BOTH)
def test_the_gradient_is_what_a_small_change_does(metric: str, classes: int) -> None:
    predictions, chance = stated(30, classes, 1), stated(30, classes, 2)
    _, gradient = expected_metric(metric, chance, predictions)
    tiny = 1e-6
    for row, place in itertools.product((0, 7, 29), range(classes - 1)):
        ends = []
        for sign in (1, -1):
            moved = chance.copy()
            moved[row, place] += sign * tiny
            moved[row, -1] -= sign * tiny
            ends.append(expected_metric(metric, moved, predictions)[0])
        slope = gradient[row, place] - gradient[row, -1]
        assert (ends[0] - ends[1]) / (2 * tiny) == pytest.approx(slope, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "brier"])
def test_a_mean_over_rows_is_its_exact_expectation_and_variance(metric: str) -> None:
    predictions, chance = stated(8, 2, 3), stated(8, 2, 4)
    labellings = [np.array(each) for each in itertools.product((0, 1), repeat=8)]
    weight = np.array([np.prod(chance[np.arange(8), y]) for y in labellings])
    scores = np.array([METRICS[metric].score(y, predictions) for y in labellings])
    mean = float(weight @ scores)
    value, gradient = expected_metric(metric, chance, predictions)
    assert value == pytest.approx(mean)
    assert variance(gradient, chance) == pytest.approx(float(weight @ (scores - mean) ** 2))


def test_a_ranking_of_pure_chance_is_worth_a_half_however_few_the_rows() -> None:
    half = np.full((6, 2), 0.5)
    value, _ = expected_metric("roc_auc", half, np.linspace(0.1, 0.9, 6))
    assert value == pytest.approx(0.5)


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "f1"])
def test_without_an_expected_positive_there_is_no_figure(metric: str) -> None:
    chance = np.tile([0.99, 0.01], (20, 1))
    value, gradient = expected_metric(metric, chance, np.linspace(0.1, 0.9, 20))
    assert np.isnan(value)
    assert not gradient.any()


@pytest.mark.parametrize("metric", ["f1_macro", "roc_auc_ovr"])
def test_without_a_second_class_there_is_no_figure(metric: str) -> None:
    chance = np.tile([1.0, 0.0, 0.0], (20, 1))
    assert np.isnan(expected_metric(metric, chance, stated(20, 3, 1))[0])
