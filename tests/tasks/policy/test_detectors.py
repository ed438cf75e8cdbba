"""ADWIN finds a rise, ignores what is steady, and needs nothing twice."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.errors import DataError
from tasks.policy.detectors import ErrorDetector, detect_change
from tasks.policy.situation import ErrorChange


def flips(means: list[float], rows: int = 1500, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([(rng.random(rows) < mean).astype(float) for mean in means])


def test_a_rise_is_found_with_the_means_on_both_sides() -> None:
    found = detect_change(flips([0.2, 0.5]))
    assert found.raised
    assert found.before == pytest.approx(0.2, abs=0.05)
    assert found.after == pytest.approx(0.5, abs=0.15)


def test_a_fall_is_a_change_but_not_upwards() -> None:
    found = detect_change(flips([0.5, 0.2]))
    assert found.changes >= 1
    assert not found.raised


def test_a_rise_that_went_away_is_over() -> None:
    found = detect_change(flips([0.2, 0.5, 0.2]))
    assert found.changes >= 2
    assert not found.raised


def test_steady_errors_rarely_change() -> None:
    alarms = sum(
        detect_change(flips([0.3], rows=3000, seed=seed)).changes > 0 for seed in range(20)
    )
    assert alarms <= 2


def test_what_comes_in_pieces_is_found_as_in_one() -> None:
    stream = flips([0.2, 0.4, 0.1, 0.6])
    detector = ErrorDetector()
    parts = np.array_split(stream, 37)
    pieces = [detector.add(part) for part in parts]
    assert pieces[-1] == detect_change(stream)
    assert [one.rows for one in pieces] == list(np.cumsum([len(part) for part in parts]))


def test_no_errors_are_no_change() -> None:
    assert detect_change([]) == ErrorChange(0)


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_errors_outside_of_0_to_1_are_refused(wrong: float) -> None:
    with pytest.raises(DataError, match="0 to 1"):
        detect_change([0.5, wrong])
