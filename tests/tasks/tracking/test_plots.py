"""Plots: a readable PNG of bounded size, whatever the figures and names are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.image import imread

from tasks.tracking import plots
from tests.tasks.tracking.values import HOSTILE

GRID = [float(x) for x in np.linspace(0, 1, 100)]
LEVELS = [0.0, 0.05, 0.5, 0.95, 1.0]
DRAWN: dict[str, Callable[[], bytes]] = {
    "roc": lambda: plots.roc(GRID, [x**0.5 for x in GRID], 0.667),
    "roc of one class": lambda: plots.roc([], [], None),
    "precision_recall": lambda: plots.precision_recall(GRID, [1 - x / 2 for x in GRID], 0.5),
    "reliability": lambda: plots.reliability([0.1, None], [0.2, None], [300, 0]),
    "reliability of nothing": lambda: plots.reliability([], [], []),
    "importances": lambda: plots.importances({f"{HOSTILE} {i}": i / 99 for i in range(99)}),
    "a name that the font lacks": lambda: plots.importances({"\N{THERMOMETER} outside": 0.5}),
    "no importances": lambda: plots.importances({}),
    "comparison": lambda: plots.comparison(
        "log_loss", {"model": (0.4, 0.3, 0.5), HOSTILE: (0.6, None, None)}, False
    ),
    "comparison with nan": lambda: plots.comparison("r2", {"model": (np.nan, None, None)}, True),
    "tuning": lambda: plots.tuning("roc_auc", ["a", HOSTILE, "a"], [0.6, None, 0.7], 2, True),
    "tuning without an end": lambda: plots.tuning("rmse", ["a"], [None], 0, False),
    "no tuning": lambda: plots.tuning("rmse", [], [], None, False),
    "residuals": lambda: plots.residuals(LEVELS, [-9.0, -3.0, 0.1, 4.0, None], HOSTILE),
    "confusion": lambda: plots.confusion([[5, 1], [0, 0]], ["no", HOSTILE]),
    "confusion of many": lambda: plots.confusion(
        np.ones((20, 20), dtype=int).tolist(), [f"class {i}" for i in range(20)]
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_it_is_a_png_of_bounded_size(name: str, tmp_path: object) -> None:
    data = DRAWN[name]()
    assert data.startswith(b"\x89PNG")
    assert len(data) < 100_000
    rows, columns = _pixels(data)
    assert 200 <= rows <= 800
    assert 600 <= columns <= 700


def test_the_same_figures_give_the_same_bytes() -> None:
    assert DRAWN["tuning"]() == DRAWN["tuning"]()


def test_the_curve_is_drawn() -> None:
    assert DRAWN["roc"]() != plots.roc(GRID, GRID, 0.667)


def test_it_leaves_pyplot_alone() -> None:
    import matplotlib._pylab_helpers

    DRAWN["confusion"]()
    assert matplotlib._pylab_helpers.Gcf.get_num_fig_managers() == 0


def _pixels(data: bytes) -> tuple[int, int]:
    from io import BytesIO

    rows, columns, *_ = imread(BytesIO(data), format="png").shape
    return rows, columns
