from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.backtest.drawing import draw_front, draw_timeline, group_courses, write_labels
from tasks.tracking.plots import canvas, png
from tests.tasks.backtest.test_result import found

DOTS = st.tuples(st.sampled_from(["static", "decay 0.01"]), st.floats(0, 900), st.floats(0.6, 0.8))


def overlaps(points: list[tuple[str, float, float]]) -> list[object]:
    """Return the pairs of labels of which one covers the other."""
    _, axes = canvas("", "cost", "quality", size=(9.4, 4.2))
    axes.set_xlim(-27, 1044)
    axes.set_ylim(0.58, 0.82)
    boxes = write_labels(axes, points)
    assert len(boxes) == len(points)
    return [
        (a, b)
        for a, b in combinations(boxes, 2)
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]


@settings(deadline=None, max_examples=25)
@given(st.lists(DOTS, max_size=9))
def test_no_label_covers_another(dots: list[tuple[str, float, float]]) -> None:
    assert not overlaps(dots)


def test_labels_of_points_in_one_place_are_all_readable() -> None:
    assert not overlaps([("estimated_performance", 450.0, 0.7)] * 9)


@pytest.mark.parametrize("upwards", [True, False])
def test_every_policy_is_drawn_with_its_retrainings(upwards: bool) -> None:
    test = found(count=14, upwards=upwards)
    shown = group_courses(test)
    (axes,) = draw_front(test).axes
    assert {text.get_text() for text in axes.texts} == {group.label for group in shown}
    (chosen,) = [line for line in axes.lines if line.get_label() == "recommended"]
    (best,) = [group.course for group in shown if group.chosen]
    assert (list(chosen.get_xdata()), list(chosen.get_ydata())) == (
        [best.cpu_seconds],
        [best.mean],
    )
    assert axes.yaxis_inverted() is not upwards
    rows = draw_timeline(test).axes[0]
    marks = [line for line in rows.collections if line.get_gid() == "retrained"]
    assert len(marks) == sum(len(group.course.retrainings) for group in shown)
    assert len(rows.get_yticklabels()) == len(shown)


def test_one_model_that_never_changes_is_drawn_too() -> None:
    test = found(count=4, unlabelled=(3,))
    assert png(draw_front(test)).startswith(b"\x89PNG")
    assert png(draw_timeline(test)).startswith(b"\x89PNG")


def test_better_is_up_in_every_row() -> None:
    rises = []
    for upwards in (True, False):
        rows = draw_timeline(found(count=14, upwards=upwards)).axes[0]
        (static,) = [line for line in rows.lines if line.get_label() == "static of row 0"]
        ys = list(static.get_ydata())
        rises.append(ys[-1] - ys[0])
    assert rises[0] > 0  # it fades, and the axis runs down
    assert rises[0] == pytest.approx(rises[1])
