"""A case for every signal: a policy that names it, and what changes in a quiet month when it fires.

A signal that never fires says so with None. `test_signals.py` holds the registry to this table.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from tasks.policy.detectors import detect_change
from tasks.policy.situation import DriftFigure, Refusals
from tests.tasks.policy.scenes import QUIET, figure


def steady(mean: float, rows: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(rows) < mean).astype(float)


CASES: dict[str, tuple[str, dict[str, Any] | None]] = {
    "static": ("static", None),
    "every": ("every 3 batches", {"batches": 3}),
    "new_rows": ("new_rows 75%", {"rows": 60_000}),
    "age": ("age 62d", {"at": QUIET.fitted_until + timedelta(days=62)}),
    "schedule": ("schedule", None),
    "drift": ("drift", {"drift": DriftFigure(0.3, 0.3)}),
    "performance": ("performance", {"live": figure(0.67)}),
    "decay": ("decay", {"live": figure(0.65)}),
    "estimated_performance": ("estimated_performance", {"estimated": figure(0.66)}),
    "error_drift": (
        "error_drift",
        {"errors": detect_change(np.r_[steady(0.2, 2000, 1), steady(0.5, 2000, 2)])},
    ),
    "quality": ("quality", {"refused": Refusals(0.25, 8)}),
}
