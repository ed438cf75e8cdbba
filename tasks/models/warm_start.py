"""Warm start: how a model learns from newer rows, starting from what was kept of it.

It sees the new rows only, through the encoders as they were, so it costs what the new rows cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array
from tasks.errors import DataError, IntegrityError
from tasks.models.encoders import ENCODERS, Encoded, Encoders
from tasks.models.families import FAMILIES
from tasks.models.model import Model


@dataclass(frozen=True)
class WarmStart:
    """A fitted model as it was kept: `rows` it saw, since `since`, and its state."""

    family: str
    encoders: Encoders
    state: bytes
    rows: int
    since: str


def can_start(family: str, files: Mapping[str, Any]) -> bool:
    """Tell whether a version kept what its family needs."""
    known = FAMILIES.get(family)
    if known is None or known.warm is None:
        return False
    return {ENCODERS, known.file} <= set(files)


def read_warm_start(family: str, files: Mapping[str, bytes], rows: int, since: str) -> WarmStart:
    """Read what `tasks.models.keeping.keep` returned.

    Raises:
        IntegrityError: it is something else.
    """
    # a version of a release that kept no encoders
    if ENCODERS not in files:
        raise IntegrityError(ENCODERS, "it holds a model's encoders", "no such file")
    encoders = Encoders.from_bytes(files[ENCODERS])
    return WarmStart(family, encoders, files[FAMILIES[family].file], rows, since)


def continue_fit(model: Model, start: WarmStart, prepared: pd.DataFrame, y: Array) -> Model:
    """Fit a new model of the same family and columns from `start`, with newer rows.

    It learns for as long as the share of the newer rows among all rows says.

    Args:
        model: an unfitted one.
        start: what was kept of the earlier fit.
        prepared, y: n newer rows and (n,) targets, as `Model.fit` takes them.

    Raises:
        DataError: the newer rows are fewer than ten, or not of every class.
    """
    # a booster that goes on would take the classes that are there for the first ones
    encoders = start.encoders
    if encoders.classes and len(np.unique(y)) != encoders.classes:
        rule = f"newer rows are of each of the {encoders.classes} classes"
        raise DataError("training rows", rule, f"{len(np.unique(y))} of them")
    share = len(prepared) / (len(prepared) + start.rows)
    warm = FAMILIES[start.family].warm
    assert warm is not None, f"{start.family} cannot be fitted further"

    def learn(estimator: Any, rows: Array, targets: Array) -> None:
        warm(estimator, start.state, rows, targets, share)

    scale = encoders.center, encoders.spread
    return model.fit_further(prepared, y, Encoded(encoders.blocks), scale, learn)
