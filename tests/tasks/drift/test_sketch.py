"""The sketch holds its bound on any order of values."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.drift.sketch import WIDTH, Run, Sketch, block, medians, merge_runs

ROWS = 400_000
BLOCKS = 40


def values(order: str) -> np.ndarray:
    rng = np.random.default_rng(3)
    drawn = {
        "random": rng.normal(size=ROWS),
        "ascending": np.arange(float(ROWS)),
        "descending": np.arange(float(ROWS))[::-1],
        "heavy tail": rng.pareto(0.7, ROWS),
        "half zero": np.where(rng.random(ROWS) < 0.5, 0.0, rng.normal(size=ROWS)),
    }
    return drawn[order]


def ranks(run: Run, at: np.ndarray) -> np.ndarray:
    return np.append(0, np.cumsum(run.weights))[np.searchsorted(run.values, at, side="right")]


@pytest.mark.parametrize("order", ["random", "ascending", "descending", "heavy tail", "half zero"])
def test_no_rank_is_off_by_more_than_the_error_says(order: str) -> None:
    rows = values(order)
    sketch = Sketch()
    for piece in np.split(rows, BLOCKS):
        sketch.add(block(np.sort(piece)))
    run = sketch.result(2048)
    exact = np.sort(rows)
    off = ranks(run, exact) - np.searchsorted(exact, exact, side="right")
    assert np.abs(off).max() <= run.error
    assert run.error / ROWS < 0.002
    assert run.rows == pytest.approx(ROWS)


def test_the_bound_is_no_more_than_what_is_documented() -> None:
    sketch = Sketch()
    for _ in range(64):
        sketch.add(block(np.arange(8.0 * WIDTH)))
    run = sketch.result(2048)
    assert run.error / run.rows <= (1 + 6) / (2 * WIDTH) + 1 / (2 * 2048) + 1e-12


def test_few_rows_stay_as_they_are() -> None:
    assert block(np.arange(5.0)).error == 0
    assert merge_runs(block(np.arange(5.0)), block(np.arange(5.0))).error == 0


def test_a_weighted_run_is_parted_by_weight() -> None:
    run = medians(Run(np.array([1.0, 2.0, 3.0]), np.array([8.0, 1.0, 1.0])), 5)
    assert run.values.tolist() == [1, 1, 1, 1, 2]
