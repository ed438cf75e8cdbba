"""A small table, and the house that takes it in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.tasks.monitoring.house import House

FAST = {"families": ["linear"], "trials": 1}


def penguins(count: int, start: int = 0, signal: float = 1.0) -> pd.DataFrame:
    """Make rows of three species that body mass and bill tell apart; one an hour."""
    draw = np.random.default_rng([9, start])
    species = draw.choice(3, count, p=[0.4, 0.4, 0.2])
    return pd.DataFrame(
        {
            "id": np.arange(start, start + count),
            "at": pd.date_range("2024-01-01", periods=count, freq="h") + pd.Timedelta(hours=start),
            "mass": 4000 + signal * 400 * species + draw.normal(0, 300, count),
            "bill": 40 + signal * 5 * (species == 1) + draw.normal(0, 2, count),
            "species": np.array(["Adelie", "Gentoo", "Chinstrap"])[species],
        }
    )


def house(folder: Path, **changes: Any) -> House:
    file = {"task": "multiclass", "target": "species", "training": FAST, "event_time": None}
    gate = {"min_rows": 200, "slices": [], **changes.pop("gate", {})}
    return House(folder, {**file, "gate": gate, **changes})
