"""Regularised linear models: L2, L1 and elastic net."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import Array, Floats, Integers
from tasks.documents import seal, unseal_bytes
from tasks.errors import IntegrityError
from tasks.models.attribution import Attributed, Attribution, Scale, log_rest
from tasks.models.encoders import Encoders
from tasks.models.family import Dimension, Family, Params
from tasks.models.model import Model, Sample

if TYPE_CHECKING:
    from tasks.models.graph import Graph

FILE = "linear.json"


def estimator(params: Params, task: str, seed: int, sample: Sample) -> Any:
    """Return a logistic regression, or least squares, with the penalty asked for.

    `alpha` weighs the penalty against the mean loss of a row, so that it means the same for
    any number of rows and for both tasks.
    """
    from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

    mix = {"l2": 0.0, "l1": 1.0, "elasticnet": params["l1_share"]}[params["penalty"]]
    if task != "regression":
        return LogisticRegression(
            C=1 / (params["alpha"] * sample.rows),
            l1_ratio=mix,
            # lbfgs takes no L1 part; saga takes many passes, so that it is stopped early, and what
            # it reached is judged as it is: https://scikit-learn.org/stable/modules/linear_model.html
            solver="lbfgs" if mix == 0 else "saga",
            max_iter=200 if mix == 0 else 60,
            tol=1e-4 if mix == 0 else 1e-3,
            random_state=seed,
        )
    if mix == 0:
        return Ridge(alpha=params["alpha"] * sample.rows, solver="cholesky")
    return ElasticNet(alpha=params["alpha"], l1_ratio=mix, max_iter=500, random_state=seed)


def to_onnx(graph: Graph, rows: str, fitted: Any, classes: int) -> str:
    """Write the weighted sum, and the probabilities of a classification."""
    weights = np.atleast_2d(fitted.coef_).T.astype(np.float64)
    bias = np.atleast_1d(fitted.intercept_).astype(np.float64)
    sums = graph.dense(graph.double(rows), weights, bias)
    return graph.probabilities(sums, classes) if classes else sums


def importances(fitted: Any, spread: Array) -> Floats:
    """Return the absolute coefficients, times the (encoded,) spread of what they weigh."""
    weights = np.abs(np.atleast_2d(fitted.coef_)).mean(axis=0)
    return np.asarray(weights * spread, dtype=np.float64)


def to_bytes(model: Model) -> bytes:
    """Return coefficients and the encoded columns' means as strict JSON."""
    fitted = model.pipeline_.named_steps["model"]
    document = {
        "weights": np.atleast_2d(fitted.coef_).tolist(),
        "bias": np.atleast_1d(fitted.intercept_).tolist(),
        "means": np.asarray(model.input_mean_, np.float64).tolist(),
    }
    return json.dumps(seal("linear", document), allow_nan=False).encode()


def explainer(state: bytes, encoders: Encoders) -> Attribution:
    """Return the linear rule: coefficient times the distance from the mean of the training rows.

    Lundberg and Lee, A Unified Approach to Interpreting Model Predictions, 2017, corollary 1.
    """
    weights, bias, means = _read(state)
    base, spread = weights @ means + bias, encoders.spread

    def attribute(encoded: Array, outputs: Integers) -> Attributed:
        apart = encoded.astype(np.float64) - means
        rest = log_rest(apart @ weights.T + base, outputs)
        values = apart * weights[outputs] * spread
        return Attributed(base[outputs] * spread + encoders.center, values, rest)

    scale: Scale = "log-odds" if encoders.classes else "value"
    return Attribution("linear_shap", scale, float(weights.size), attribute)


def _read(state: bytes) -> tuple[Floats, Floats, Floats]:
    try:
        content = unseal_bytes("linear", state, FILE)
        weights, bias, means = (
            np.array(content[name], np.float64) for name in ("weights", "bias", "means")
        )
        # what was cut or mixed up is told here, not by a product that fails in a request
        if weights.shape != (len(bias), len(means)):
            raise ValueError(f"shapes {weights.shape}, {bias.shape}, {means.shape}")
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(FILE, "it holds a linear model", repr(error)) from error
    return weights, bias, means


LINEAR = Family(
    "linear",
    {
        "penalty": Dimension("l2", ("l2", "l1", "elasticnet")),
        "alpha": Dimension(1e-3, (1e-5, 1e-4, 1e-3, 1e-2), 1e-6, 1e-1, log=True),
        "l1_share": Dimension(0.5, (0.5,), 0.05, 0.95),
    },
    estimator,
    trees=False,
    to_onnx=to_onnx,
    importances=importances,
    file=FILE,
    to_bytes=to_bytes,
    explainer=explainer,
)
