from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.backtest.scales import Box, placed, scale, ticks

AREA = Box(0, 0, 900, 360)
DOTS = st.tuples(st.floats(20, 860), st.floats(20, 340), st.sampled_from(["static", "decay 0.01"]))


@given(st.lists(DOTS, max_size=9))
def test_no_label_covers_another(dots: list[tuple[float, float, str]]) -> None:
    boxes = placed(dots, AREA)
    assert len(boxes) == len(dots)
    assert not [(a, b) for a, b in combinations(boxes, 2) if a.touches(b)]


def test_labels_of_points_in_one_place_are_all_readable() -> None:
    boxes = placed([(450.0, 180.0, "estimated_performance")] * 9, AREA)
    assert not [(a, b) for a, b in combinations(boxes, 2) if a.touches(b)]


@pytest.mark.parametrize(("low", "high"), [(0.61, 0.77), (0, 3000), (-1, 1), (0.7, 0.7001)])
def test_ticks_are_few_and_inside(low: float, high: float) -> None:
    found = ticks(low, high, 6)
    assert 2 <= len(found) <= 7
    assert all(low - 1e-9 <= one <= high + 1e-9 for one in found)


def test_one_value_has_a_scale_too() -> None:
    assert 0 < scale([0.5, 0.5], 0, 100)(0.5) < 100
