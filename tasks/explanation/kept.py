"""What is kept of a fitted model so that its version can be explained from files alone. Pure.

A boosting is kept for its warm start already. A network is explained through its export.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tasks.errors import IntegrityError
from tasks.explanation.forest import FILE as FOREST
from tasks.explanation.forest import Forest
from tasks.models.encoders import ENCODERS, Encoders
from tasks.models.model import Model

Array = np.ndarray[Any, Any]
LINEAR = "linear.json"


def kept_to_explain(model: Model) -> dict[str, bytes]:
    """Return the files to keep of a fitted model, by name; none where others serve."""
    estimator = model.pipeline_.named_steps["model"]
    if hasattr(estimator, "estimators_"):
        return {ENCODERS: Encoders.of(model).to_bytes(), FOREST: Forest.of(estimator).to_bytes()}
    if hasattr(estimator, "coef_"):
        return {ENCODERS: Encoders.of(model).to_bytes(), LINEAR: _linear(model, estimator)}
    return {}


def linear_of(data: bytes) -> tuple[Array, Array, Array]:
    """Return the (outputs, encoded) weights, (outputs,) biases and (encoded,) means.

    Raises:
        IntegrityError: the bytes are something else.
    """
    try:
        content = json.loads(data)
        weights, bias, means = (
            np.array(content[name], np.float64) for name in ("weights", "bias", "means")
        )
        if weights.shape != (len(bias), len(means)):
            raise ValueError(f"shapes {weights.shape}, {bias.shape}, {means.shape}")
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(LINEAR, "it holds a linear model", repr(error)) from error
    return weights, bias, means


def _linear(model: Model, estimator: Any) -> bytes:
    document = {
        "weights": np.atleast_2d(estimator.coef_).tolist(),
        "bias": np.atleast_1d(estimator.intercept_).tolist(),
        "means": np.asarray(model.input_mean_, np.float64).tolist(),
    }
    return json.dumps(document, allow_nan=False).encode()
