"""Rows that the drift tests profile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tasks.drift.profile import ColumnProfile, Profile
from tasks.drift.profiling import Profiler, target_profile
from tasks.features.schema import Columns

COLUMNS = Columns(("distance", "wind", "night"), ("carrier",))


def rows(count: int, seed: int = 0, **changed: Any) -> pd.DataFrame:
    """Return prepared rows; a column given in `changed` replaces that of the same name."""
    rng = np.random.default_rng(seed)
    made: dict[str, Any] = {
        "distance": rng.integers(50, 2500, count).astype("float32"),
        "wind": rng.gamma(2, 5, count).astype("float32"),
        "night": rng.integers(0, 2, count).astype("float32"),
        "carrier": rng.choice(["AA", "B6", "DL", "UA"], count),
    } | changed
    made["carrier"] = pd.Series(made["carrier"], dtype="str")
    return pd.DataFrame(made)


def profiled(frame: pd.DataFrame, columns: Columns = COLUMNS, **more: Any) -> Profile:
    """Return the profile of rows in one piece."""
    classes, y = more.pop("classes", ()), more.pop("y", None)
    profiler = Profiler(columns, classes)
    profiler.add(frame, **more)
    target = None if y is None else target_profile(y, classes)
    return replace(profiler.result(), target=target)


def numbers(values: Any) -> ColumnProfile:
    """Return the profile of one number column."""
    return profiled(pd.DataFrame({"x": np.asarray(values)}), Columns(("x",), ())).columns[0]


def categories(values: Any) -> ColumnProfile:
    """Return the profile of one category column."""
    frame = pd.DataFrame({"x": pd.Series(values, dtype="str")})
    return profiled(frame, Columns((), ("x",))).columns[0]
