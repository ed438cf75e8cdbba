"""Random forests and extremely randomised trees."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import Array, Floats, Integers
from tasks.models import trees
from tasks.models.attribution import Attributed, Attribution, Scale
from tasks.models.encoders import Encoders
from tasks.models.family import Dimension, Family, Params
from tasks.models.forest import Forest
from tasks.models.model import Model, Sample
from tasks.models.quadrature import Quadrature

if TYPE_CHECKING:
    from tasks.models.graph import Graph

FILE = "forest.npz"
# The leaves of a tree bound the size of the export, however many rows there are.
LEAVES = 4_000


def random_forest(params: Params, task: str, seed: int, sample: Sample) -> Any:
    """Return a random forest."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if task == "regression" else RandomForestClassifier
    return kind(**_grown(params, sample), max_samples=params["rows_share"], random_state=seed)


def extra_trees(params: Params, task: str, seed: int, sample: Sample) -> Any:
    """Return extremely randomised trees."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    kind = ExtraTreesRegressor if task == "regression" else ExtraTreesClassifier
    return kind(**_grown(params, sample), random_state=seed)


def _grown(params: Params, sample: Sample) -> dict[str, Any]:
    asked = min(params["min_samples_leaf"], sample.rows // 50)
    # the trees are the same for any number of processors: each has a seed of its own
    return {
        **{name: params[name] for name in ("n_estimators", "max_depth", "max_features")},
        "min_samples_leaf": max(1, sample.rows // LEAVES, asked),
        "n_jobs": -1,
    }


def to_onnx(graph: Graph, rows: str, fitted: Any, classes: int) -> str:
    """Write the trees: their sum is the answer, of two classes the second's share."""
    outputs = classes if classes > 2 else 1
    answer = graph.sum_of_trees(rows, trees.read_forest(fitted, classes), outputs)
    if not classes:
        return answer
    return graph.single(graph.both_classes(answer) if classes == 2 else answer)


def importances(fitted: Any, _: Array) -> Floats:
    """Return the impurity taken away by the splits of each column."""
    return np.asarray(fitted.feature_importances_, dtype=np.float64)


def to_bytes(model: Model) -> bytes:
    """Return the trees as arrays, without code."""
    return Forest.of(model.pipeline_.named_steps["model"], model.class_count).to_bytes()


def explainer(state: bytes, encoders: Encoders) -> Attribution:
    """Return SHAP's values of the forest that `to_bytes` wrote, the average of its trees."""
    columns = sum(width for block in encoders.blocks for width in block.widths)
    grown, spread = Quadrature(Forest.from_bytes(state, FILE), columns), encoders.spread

    def attribute(encoded: Array, outputs: Integers) -> Attributed:
        values = np.zeros(encoded.shape)
        # one output at a time: the passes over the nodes are for one number a leaf
        for output in np.unique(outputs).tolist():
            rows = outputs == output
            values[rows] = grown.values(encoded[rows], output) * spread
        base = grown.base[outputs] * spread + encoders.center
        return Attributed(base, values, np.zeros(len(values)))

    scale: Scale = "probability" if encoders.classes else "value"
    return Attribution("tree_shap", scale, float(grown.work), attribute)


RANDOM_FOREST = Family(
    "random_forest",
    {
        # fewer than the 60 it was once: the same ranking, for half the time
        "n_estimators": Dimension(40, (40, 80), 20, 120),
        "max_features": Dimension(0.2, (0.2, 0.4), 0.1, 0.8),
        "max_depth": Dimension(12, (8, 12), 4, 14),
        "min_samples_leaf": Dimension(20, (10, 20, 50), 5, 200, log=True),
        "rows_share": Dimension(0.5, (0.3, 0.5), 0.2, 0.9),
    },
    random_forest,
    trees=True,
    to_onnx=to_onnx,
    importances=importances,
    file=FILE,
    to_bytes=to_bytes,
    explainer=explainer,
)
EXTRA_TREES = replace(
    RANDOM_FOREST,
    name="extra_trees",
    estimator=extra_trees,
    space={
        "n_estimators": Dimension(60, (60, 100), 30, 150),
        "max_features": Dimension(0.3, (0.2, 0.4), 0.1, 0.8),
        "max_depth": Dimension(14, (10, 14), 4, 16),
        "min_samples_leaf": Dimension(20, (10, 20, 50), 2, 200, log=True),
    },
)
