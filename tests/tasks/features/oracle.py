"""The preparation of one cell, written as plainly as it can be: what every faster way must give."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd

from tasks.features.values import MISSING, moments

EPOCH = datetime.datetime(1970, 1, 1)
DAY = 86_400_000_000


def text(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or value == "" or value != value:
        return MISSING
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).encode("utf-8", "replace").decode()


def parts(column: pd.Series) -> dict[str, list[float]]:
    made: dict[str, list[float]] = {"hour": [], "weekday": [], "month": [], "day_of_year": []}
    for i in range(len(column)):
        (exact,) = moments(column.iloc[i : i + 1], "at")
        if np.isnan(exact):
            for values in made.values():
                values.append(np.nan)
            continue
        at = EPOCH + datetime.timedelta(microseconds=int(exact))
        made["hour"].append(float(np.float32((int(exact) % DAY) / 3_600_000_000.0)))
        made["weekday"].append(float(at.weekday()))
        made["month"].append(float(at.month))
        made["day_of_year"].append(float(at.timetuple().tm_yday))
    return made
