"""Trees as the attributes of the two ONNX operators that hold them. Pure.

`TreeEnsemble` (ai.onnx.ml 5) is exact in double and half as large, but a leaf adds to one
output; a forest of several classes has shares of all of them in each leaf and needs the older
`TreeEnsembleRegressor` (ai.onnx.ml 3, deprecated in 5), which answers in float32.
https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import numpy_helper

from tasks.arrays import Array
from tasks.models.trees import LEAF, Tree, join_nodes

# The operator's own numbers: BRANCH_LEQ of modes, SUM of aggregations, NONE of transforms.
LESS_OR_EQUAL, SUM, NONE = 0, 1, 0


def tree_ensemble(trees: Sequence[Tree], outputs: int) -> dict[str, Any]:
    """Return the attributes of `TreeEnsemble`; a tree without a split gets one that splits none."""
    grown = [_with_a_split(tree) for tree in trees]
    leaf = join_nodes(grown, "left") < 0
    # the operator numbers inner nodes and leaves apart, each in their order
    place = np.where(leaf, np.cumsum(leaf), np.cumsum(~leaf)) - 1
    start = np.cumsum([0, *(len(tree.feature) for tree in grown)])[:-1]
    owner = np.repeat(start, [len(tree.feature) for tree in grown])
    inner = ~leaf
    left, right = (
        owner[inner] + join_nodes(grown, side)[inner].astype(np.int64) for side in ("left", "right")
    )
    target = np.repeat([tree.output for tree in grown], [len(tree.feature) for tree in grown])
    modes = np.full(int(inner.sum()), LESS_OR_EQUAL, np.uint8)
    return {
        "n_targets": outputs,
        "aggregate_function": SUM,
        "post_transform": NONE,
        "tree_roots": place[start].tolist(),
        "nodes_featureids": join_nodes(grown, "feature")[inner].tolist(),
        "nodes_splits": _tensor(join_nodes(grown, "threshold")[inner]),
        "nodes_modes": numpy_helper.from_array(modes),
        "nodes_missing_value_tracks_true": join_nodes(grown, "missing_left")[inner]
        .astype(int)
        .tolist(),
        "nodes_truenodeids": place[left].tolist(),
        "nodes_trueleafs": leaf[left].astype(int).tolist(),
        "nodes_falsenodeids": place[right].tolist(),
        "nodes_falseleafs": leaf[right].astype(int).tolist(),
        "leaf_targetids": target[leaf].tolist(),
        "leaf_weights": _tensor(join_nodes(grown, "values")[leaf][:, 0]),
    }


def read_trees(attributes: Mapping[str, Any]) -> tuple[Tree, ...]:
    """Read what `tree_ensemble` wrote.

    Raises:
        ValueError: the operator compares, sums or transforms in another way.
    """
    modes = numpy_helper.to_array(attributes["nodes_modes"])
    way = (attributes["aggregate_function"], attributes["post_transform"])
    if way != (SUM, NONE) or (modes != LESS_OR_EQUAL).any():
        raise ValueError("trees of another kind")
    thresholds = numpy_helper.to_array(attributes["nodes_splits"])
    weights = numpy_helper.to_array(attributes["leaf_weights"])
    return tuple(_read(root, attributes, thresholds, weights) for root in attributes["tree_roots"])


def _read(root: int, attributes: Mapping[str, Any], thresholds: Array, weights: Array) -> Tree:
    """Number the nodes of one tree from its root on; a leaf's number is its place among leaves."""
    sides = [
        (attributes[f"nodes_{side}nodeids"], attributes[f"nodes_{side}leafs"])
        for side in ("true", "false")
    ]
    nodes: list[tuple[int, bool]] = [(root, False)]
    children: list[tuple[int, int]] = []
    while len(children) < len(nodes):
        node, is_leaf = nodes[len(children)]
        children.append((LEAF, LEAF) if is_leaf else (len(nodes), len(nodes) + 1))
        if not is_leaf:
            nodes += [(ids[node], bool(leafs[node])) for ids, leafs in sides]
    leaf = np.array([is_leaf for _, is_leaf in nodes])
    place = np.array([number for number, _ in nodes])
    inner = np.where(leaf, root, place)
    feature, missing = (
        np.array(attributes[name])
        for name in ("nodes_featureids", "nodes_missing_value_tracks_true")
    )
    return Tree(
        feature[inner],
        thresholds[inner].astype(np.float32),
        np.array([left for left, _ in children]),
        np.array([right for _, right in children]),
        missing[inner].astype(bool),
        np.where(leaf, weights[np.where(leaf, place, 0)], 0.0)[:, None],
        int(attributes["leaf_targetids"][place[leaf][0]]),
    )


def tree_regressor(trees: Sequence[Tree], outputs: int) -> dict[str, Any]:
    """Return the attributes of `TreeEnsembleRegressor`."""
    sizes = [len(tree.feature) for tree in trees]
    leaf = join_nodes(trees, "left") < 0
    number = np.repeat(np.arange(len(trees)), sizes)
    node = np.concatenate([np.arange(size) for size in sizes])
    return {
        "n_targets": outputs,
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "nodes_treeids": number.tolist(),
        "nodes_nodeids": node.tolist(),
        "nodes_featureids": np.where(leaf, 0, join_nodes(trees, "feature")).tolist(),
        "nodes_values": np.where(leaf, 0.0, join_nodes(trees, "threshold")).tolist(),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_truenodeids": np.where(leaf, 0, join_nodes(trees, "left")).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, join_nodes(trees, "right")).tolist(),
        "nodes_missing_value_tracks_true": join_nodes(trees, "missing_left").astype(int).tolist(),
        "target_treeids": np.repeat(number[leaf], outputs).tolist(),
        "target_nodeids": np.repeat(node[leaf], outputs).tolist(),
        "target_ids": np.tile(np.arange(outputs), int(leaf.sum())).tolist(),
        # the older operator holds no double: answers are within 1e-6 of the fitted ones
        "target_weights": join_nodes(trees, "values")[leaf].astype(np.float32).ravel().tolist(),
    }


def _with_a_split(tree: Tree) -> Tree:
    if len(tree.feature) > 1:
        return tree
    # the operator's roots are inner nodes; both leaves hold the value, whichever side is taken
    return Tree(
        np.zeros(3, np.int64),
        np.zeros(3, np.float32),
        np.array([1, -1, -1]),
        np.array([2, -1, -1]),
        np.zeros(3, bool),
        np.repeat(tree.values, 3, axis=0),
        tree.output,
    )


def _tensor(values: Array) -> Any:
    return numpy_helper.from_array(values.astype(np.float64))
