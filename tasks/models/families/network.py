"""Multi-layer perceptrons; their predictions are explained through the export."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import Array, Floats
from tasks.documents import seal, unseal_bytes
from tasks.models.family import Dimension, Family, Params
from tasks.models.model import Model, Sample

if TYPE_CHECKING:
    from tasks.models.graph import Graph

FILE = "network.json"
# Gradient steps of a fit, about: epochs are fewer the more rows there are.
STEPS = 1_000
# Passes of a warm start at least: the share of a few newer rows would round to none.
FEWEST_EPOCHS = 2
ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


def estimator(params: Params, task: str, seed: int, sample: Sample) -> Any:
    """Return a network of one or two layers, trained for about a thousand steps."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    batch = max(8, min(512, sample.rows // 20))
    aside = sample.rows // 10
    # the accuracy of a few rows is noise, and the steps are bounded anyway; scikit-learn draws the
    # tenth by class, and needs two rows of each
    stopping = aside >= 1000 and (not sample.classes or sample.smallest > 10)
    kind = MLPRegressor if task == "regression" else MLPClassifier
    return kind(
        hidden_layer_sizes=(params["width"],) * params["layers"],
        # scikit-learn divides the penalty by the rows of a batch; ours weighs against a row's loss
        alpha=params["alpha"] * batch,
        learning_rate_init=params["learning_rate"],
        batch_size=batch,
        max_iter=max(4, min(100, STEPS * batch // sample.rows)),
        early_stopping=stopping,
        n_iter_no_change=4,
        random_state=seed,
    )


def to_onnx(graph: Graph, rows: str, fitted: Any, classes: int) -> str:
    """Write the layers, and the probabilities of a classification."""
    rows = graph.double(rows)
    last = len(fitted.coefs_) - 1
    for i, (weights, bias) in enumerate(zip(fitted.coefs_, fitted.intercepts_, strict=True)):
        rows = graph.dense(rows, weights.astype(np.float64), bias.astype(np.float64))
        if i < last:
            rows = graph.node(ACTIVATIONS[fitted.activation], [rows])
    return graph.probabilities(rows, classes) if classes else rows


def importances(fitted: Any, spread: Array) -> Floats:
    """Return the absolute weights along every path to the answer, times the (encoded,) spread."""
    behind = np.ones(fitted.coefs_[-1].shape[1])
    for layer in reversed(fitted.coefs_):
        behind = np.abs(layer) @ behind
    return np.asarray(behind * spread, dtype=np.float64)


def to_bytes(model: Model) -> bytes:
    """Return weights and biases, layer by layer, as strict JSON."""
    fitted = model.pipeline_.named_steps["model"]
    layers = [[layer.tolist() for layer in kind] for kind in (fitted.coefs_, fitted.intercepts_)]
    return json.dumps(seal("network", {"layers": layers}), allow_nan=False).encode()


def fit_further(unfitted: Any, state: bytes, rows: Array, y: Array, share: float) -> None:
    """Take further gradient steps from the kept weights."""
    epochs = max(FEWEST_EPOCHS, round(unfitted.max_iter * share))
    # scikit-learn's `partial_fit` refuses to stop early
    batch = unfitted.set_params(early_stopping=False).batch_size
    classes = {} if np.issubdtype(y.dtype, np.floating) else {"classes": np.unique(y)}
    # the first call makes the layers and the optimiser; the kept weights go into them below
    unfitted.partial_fit(rows[:batch], y[:batch], **classes)
    # The optimiser holds these very arrays: they are filled, not replaced.
    own = (unfitted.coefs_, unfitted.intercepts_)
    kept = unseal_bytes("network", state, FILE)["layers"]
    for layers, saved in zip(own, kept, strict=True):
        for layer, values in zip(layers, saved, strict=True):
            layer[...] = np.array(values, layer.dtype)
    for _ in range(epochs):
        unfitted.partial_fit(rows, y)


MLP = Family(
    "mlp",
    {
        "width": Dimension(16, (16, 32, 64), 8, 96, log=True),
        "layers": Dimension(1, (1, 2), 1, 2),
        "alpha": Dimension(1e-2, (1e-4, 1e-3, 1e-2), 1e-5, 1e-1, log=True),
        "learning_rate": Dimension(1e-3, (1e-3, 3e-3), 3e-4, 1e-2, log=True),
    },
    estimator,
    trees=False,
    to_onnx=to_onnx,
    importances=importances,
    file=FILE,
    to_bytes=to_bytes,
    warm=fit_further,
)
