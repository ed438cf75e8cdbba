"""Warm start: what is kept of a fitted model, and how its family learns from newer rows.

Boosting adds trees to the ones there are, fitted to what these leave unexplained. A network takes
further gradient steps from its weights. Both see the new rows only, through the encoders as they
were, so it costs what the new rows cost. A forest or a linear model gains nothing from its past:
fitting it again is the same model at the same price.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tasks.errors import DataError, IntegrityError
from tasks.models.blocks import Block, Encoded
from tasks.models.encoders import ENCODERS, Encoders
from tasks.models.families import booster
from tasks.models.model import Model

Array = np.ndarray[Any, Any]
FEWEST_TREES = 10
FEWEST_EPOCHS = 2


@dataclass(frozen=True)
class Way:
    """How a family is fitted further: its state's file, what writes it, what learns from it."""

    file: str
    state: Callable[[Any], bytes]
    learn: Callable[[Any, bytes, Array, Array, float], None]


@dataclass(frozen=True)
class WarmStart:
    """A fitted model as it was kept: `rows` it saw, since `since`, and its state.

    `classes` is how many it tells apart, 0 for a regression.
    """

    family: str
    blocks: tuple[Block, ...]
    center: float
    spread: float
    classes: int
    state: bytes
    rows: int
    since: str


def kept(model: Model, family: str) -> dict[str, bytes]:
    """Return the files to keep of a fitted model, by name; none for a family without a way."""
    if family not in WAYS:
        return {}
    way = WAYS[family]
    state = way.state(model.pipeline_.named_steps["model"])
    return {ENCODERS: Encoders.of(model).to_bytes(), way.file: state}


def startable(family: str, files: Mapping[str, Any]) -> bool:
    """Tell whether a version kept what its family needs.

    >>> startable("lightgbm", {"encoders.json": b"", "booster.txt": b""})
    True
    >>> startable("linear", {}), startable("mlp", {})
    (False, False)
    """
    return family in WAYS and {ENCODERS, WAYS[family].file} <= set(files)


def loaded(family: str, files: Mapping[str, bytes], rows: int, since: str) -> WarmStart:
    """Read what `kept` wrote.

    Raises:
        IntegrityError: it is something else.
    """
    if ENCODERS not in files:
        raise IntegrityError(ENCODERS, "it holds a model's encoders", "no such file")
    read = Encoders.from_bytes(files[ENCODERS])
    state = files[WAYS[family].file]
    return WarmStart(
        family, read.blocks, read.center, read.spread, read.classes, state, rows, since
    )


def fitted_further(model: Model, start: WarmStart, prepared: pd.DataFrame, y: Array) -> Model:
    """Fit a new model of the same family and columns from `start`, with newer rows.

    It learns for as long as the share of the newer rows among all rows says.

    Raises:
        DataError: the newer rows are fewer than ten, or not of every class.
    """
    if start.classes and len(np.unique(y)) != start.classes:
        rule = f"newer rows are of each of the {start.classes} classes"
        raise DataError("training rows", rule, f"{len(np.unique(y))} of them")
    share = len(prepared) / (len(prepared) + start.rows)
    way = WAYS[start.family]

    def learn(estimator: Any, rows: Array, targets: Array) -> None:
        way.learn(estimator, start.state, rows, targets, share)

    return model.fit_further(
        prepared, y, Encoded(start.blocks), (start.center, start.spread), learn
    )


def _boosted(estimator: Any) -> bytes:
    return str(estimator.booster_.model_to_string()).encode()


def _boost(estimator: Any, state: bytes, rows: Array, y: Array, share: float) -> None:
    estimator.set_params(n_estimators=max(FEWEST_TREES, round(estimator.n_estimators * share)))
    estimator.fit(rows, y, init_model=booster(state.decode()))


def _weights(estimator: Any) -> bytes:
    layers = [
        [each.tolist() for each in kind] for kind in (estimator.coefs_, estimator.intercepts_)
    ]
    return json.dumps(layers, allow_nan=False).encode()


def _descend(estimator: Any, state: bytes, rows: Array, y: Array, share: float) -> None:
    epochs = max(FEWEST_EPOCHS, round(estimator.max_iter * share))
    batch = estimator.set_params(early_stopping=False).batch_size
    classes = {} if np.issubdtype(y.dtype, np.floating) else {"classes": np.unique(y)}
    estimator.partial_fit(rows[:batch], y[:batch], **classes)
    # The optimiser holds these very arrays: they are filled, not replaced.
    own = (estimator.coefs_, estimator.intercepts_)
    for layers, saved in zip(own, json.loads(state), strict=True):
        for layer, values in zip(layers, saved, strict=True):
            layer[...] = np.array(values, layer.dtype)
    for _ in range(epochs):
        estimator.partial_fit(rows, y)


WAYS: Mapping[str, Way] = {
    "lightgbm": Way("booster.txt", _boosted, _boost),
    "mlp": Way("network.json", _weights, _descend),
}
