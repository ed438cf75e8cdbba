"""The eye: what a model shows on a batch, from rows and answers alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tasks.config import Pipeline
from tasks.drift.profile import Profile
from tasks.drift.profiling import Profiler
from tasks.evaluation.evaluate import evaluate
from tasks.features.schema import Columns
from tasks.monitoring.look import Eye, PredictedBatch, errors_after, look, measure_gain
from tasks.scoring.judgement import Labelled

PIPELINE = Pipeline.model_validate(
    {"name": "toy", "task": "binary", "target": "y", "event_time": "at"}
)
DRAW = np.random.default_rng(5)
TIMES = np.array([datetime(2026, 4, 1) + timedelta(hours=n) for n in range(200)], "datetime64[us]")
Y = DRAW.integers(0, 2, 200)
CHANCE = np.clip(DRAW.normal(0.35 + 0.3 * Y, 0.2), 0.01, 0.99)
ANSWERS = np.column_stack([1 - CHANCE, CHANCE])
ROWS = pd.DataFrame({"x": DRAW.normal(size=200)})


def profiled(rows: pd.DataFrame) -> Profile:
    profiler = Profiler(Columns(("x",), ()), (0, 1))
    profiler.add(rows)
    return profiler.result()


def met(rows: pd.DataFrame = ROWS, order: np.ndarray | None = None) -> PredictedBatch:
    places = np.arange(200) if order is None else order
    labelled = Labelled("y", "at", (0, 1), Y[places], ANSWERS[places], TIMES[places])
    return PredictedBatch(TIMES[places], labelled, profiled(rows), rows, ANSWERS[places])


def eye(until: int = 0, profile: Profile | None = None) -> Eye:
    return Eye(TIMES[until], profile, {}, None)


def test_one_metric_alone_is_what_all_of_them_together_say() -> None:
    every = evaluate(Y, ANSWERS, task="binary", metric="roc_auc", seed=PIPELINE.training.seed)
    alone, together = (
        look(PIPELINE, eye(), met(), metrics).live for metrics in (None, every.to_dict()["metrics"])
    )
    assert alone is not None
    assert together is not None
    assert vars(alone) == pytest.approx(vars(together), abs=1e-12)


def test_the_order_of_the_rows_does_not_matter() -> None:
    turned = look(PIPELINE, eye(), met(order=np.arange(200)[::-1]))
    plain = look(PIPELINE, eye(), met())
    assert turned.live == plain.live
    assert np.array_equal(turned.errors, plain.errors)


def test_rows_that_the_model_may_know_count_as_known_and_make_no_errors() -> None:
    found = look(PIPELINE, eye(149), met())
    assert (found.rows, found.known, len(found.errors), found.late) == (200, 150, 50, False)
    assert look(PIPELINE, eye(199), met()).late


def test_without_a_profile_or_an_estimator_less_is_seen() -> None:
    found = look(PIPELINE, eye(), met())
    assert (found.drift, found.estimated) == (None, None)
    moved = look(PIPELINE, eye(profile=profiled(ROWS)), met(ROWS + 4)).drift
    assert moved is not None
    assert moved.drifted


def test_errors_of_a_regression_are_shares_of_its_spread() -> None:
    y = np.array([0.0, 2.0, 4.0, 6.0])
    labelled = Labelled("y", "at", (), y, y + 100, TIMES[:4])
    assert errors_after(labelled, TIMES[1]).tolist() == [1.0, 1.0]
    exact = Labelled("y", "at", (), y, y, TIMES[:4])
    assert errors_after(exact, TIMES[1]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("y", "ours", "theirs", "expected"),
    [
        (Y, ANSWERS, ANSWERS, 0.0),
        (Y[:0], ANSWERS[:0], ANSWERS[:0], None),
        (Y, ANSWERS, ANSWERS[:5], None),
        (np.ones(200, int), ANSWERS, ANSWERS, None),
    ],
)
def test_a_gain_needs_both_models_on_the_same_rows_of_two_classes(
    y: np.ndarray, ours: np.ndarray, theirs: np.ndarray, expected: float | None
) -> None:
    assert measure_gain("roc_auc", y, ours, theirs) == expected


def test_a_gain_of_an_error_is_a_share_of_the_old_one() -> None:
    y = np.zeros(4)
    assert measure_gain("rmse", y, y + 9.0, y + 10.0) == pytest.approx(0.1)
    assert measure_gain("rmse", y, y + 1.0, y) is None, "there was no error to better"
