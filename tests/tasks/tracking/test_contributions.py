"""Plots of contributions: a readable PNG of bounded size, whatever the columns hold."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from matplotlib.image import imread

from tasks.tracking.contributions import dependence, summary
from tests.tasks.tracking.values import HOSTILE

DRAW = np.random.default_rng(4)
ADDS = DRAW.normal(size=2000)
NUMBERS = np.where(DRAW.random(2000) < 0.2, np.nan, DRAW.normal(size=2000))
TEXTS = DRAW.choice(["a", HOSTILE, "__missing__"], 2000)
DRAWN: dict[str, Callable[[], bytes]] = {
    "summary": lambda: summary({"n": (ADDS, NUMBERS), HOSTILE: (ADDS, None)}, HOSTILE, "log-odds"),
    "summary of many": lambda: summary(
        {f"{HOSTILE} {i}": (ADDS, NUMBERS) for i in range(40)}, "late", "probability"
    ),
    "summary of one row": lambda: summary({"n": (ADDS[:1], NUMBERS[:1])}, "late", "log-odds"),
    "summary of nothing known": lambda: summary(
        {"n": (np.zeros(50), np.full(50, np.nan))}, "late", "log-odds"
    ),
    "dependence": lambda: dependence("n", NUMBERS.tolist(), ADDS, "late", "log-odds"),
    "dependence of texts": lambda: dependence(HOSTILE, TEXTS.tolist(), ADDS, HOSTILE, HOSTILE),
    "dependence of many texts": lambda: dependence(
        "c", [f"level {i % 90}" for i in range(2000)], ADDS, "late", "log-odds"
    ),
    "dependence of one row": lambda: dependence("n", [1.0], ADDS[:1], "late", ""),
}


@pytest.mark.parametrize("name", DRAWN)
def test_it_is_a_png_of_bounded_size_and_the_same_again(name: str) -> None:
    data = DRAWN[name]()
    assert data.startswith(b"\x89PNG")
    assert len(data) < 250_000
    rows, columns = imread(BytesIO(data)).shape[:2]
    assert 200 <= rows <= 800
    assert 600 <= columns <= 700
    assert DRAWN[name]() == data


def test_the_points_are_drawn() -> None:
    flat = dependence("n", NUMBERS.tolist(), ADDS * 0, "late", "log-odds")
    assert DRAWN["dependence"]() != flat
