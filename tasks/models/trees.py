"""Fitted trees as flat arrays, from scikit-learn's forests and from LightGBM alike. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.arrays import Floats, Integers, Mask, Singles

LEAF = -1


@dataclass(frozen=True)
class Tree:
    """One tree; node 0 is its root, `left` and `right` are -1 at a leaf.

    A row goes left where its float32 value is at most `threshold`, or is missing and
    `missing_left` says so. `values` is (nodes, outputs); `output` is the first output it adds to.
    """

    feature: Integers
    threshold: Singles
    left: Integers
    right: Integers
    missing_left: Mask
    values: Floats
    output: int = 0


def round_down(thresholds: Floats) -> Singles:
    """Return the largest float32 that is not above each threshold.

    A float32 value is at most the threshold exactly where it is at most this one; rounding to
    the nearest instead would send a value just above the threshold to the left.

    Args:
        thresholds: (m,) float64.

    >>> float(round_down(np.array([0.1]))[0]) <= 0.1 < float(np.float32(0.1))
    True
    """
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > thresholds, below, nearest)


def read_forest(model: Any, classes: int) -> tuple[Tree, ...]:
    """Read a fitted scikit-learn forest of so many classes; the sum of its trees is its answer.

    Leaves hold one value, for two classes the second's share, or one share per class.
    """
    return tuple(_sklearn_tree(tree.tree_, classes, len(model.estimators_)) for tree in model)


def _sklearn_tree(tree: Any, classes: int, count: int) -> Tree:
    values = tree.value[:, 0, :]
    if classes:
        values = values / values.sum(axis=1, keepdims=True)
        values = values[:, 1:] if classes == 2 else values
    return Tree(
        tree.feature,
        round_down(tree.threshold),
        np.where(tree.children_left < 0, LEAF, tree.children_left),
        np.where(tree.children_left < 0, LEAF, tree.children_right),
        tree.missing_go_to_left.astype(bool),
        values / count,
    )


def read_booster(text: str) -> tuple[Tree, ...]:
    """Read LightGBM's model text (format v4, without categorical or linear splits).

    A value missing where training missed none is taken as 0, as LightGBM does.
    https://github.com/microsoft/LightGBM/blob/v4.6.0/include/LightGBM/tree.h
    """
    outputs = int(_field(text.partition("\n\n")[0], "num_tree_per_iteration"))
    blocks = text.partition("\nend of trees")[0].split("\nTree=")[1:]
    return tuple(_lightgbm_tree(block, i % outputs) for i, block in enumerate(blocks))


def _lightgbm_tree(block: str, output: int) -> Tree:
    leaves = np.array(_field(block, "leaf_value").split(), dtype=np.float64)
    inner = len(leaves) - 1
    if inner == 0:
        nothing = np.array([LEAF])
        threshold, flags = np.zeros(1, np.float32), np.zeros(1, bool)
        return Tree(np.zeros(1, int), threshold, nothing, nothing, flags, leaves[:, None], output)
    threshold = np.array(_field(block, "threshold").split(), dtype=np.float64)
    decision = np.array(_field(block, "decision_type").split(), dtype=np.int64)
    # bit 1: what is missing goes left; bits 2 and 3: what counts as that (1 zero, 2 NaN)
    missing_kind = (decision >> 2) & 3
    goes_left = np.where(missing_kind == 2, (decision & 2) > 0, threshold >= 0.0)
    pad = np.zeros(len(leaves))
    ends = np.full(len(leaves), LEAF)
    return Tree(
        np.concatenate([_integers(block, "split_feature"), pad.astype(int)]),
        np.concatenate([round_down(threshold), pad.astype(np.float32)]),
        np.concatenate([_node_numbers(_integers(block, "left_child"), inner), ends]),
        np.concatenate([_node_numbers(_integers(block, "right_child"), inner), ends]),
        np.concatenate([goes_left, pad.astype(bool)]),
        np.concatenate([np.zeros(inner), leaves])[:, None],
        output,
    )


def _node_numbers(children: Integers, inner: int) -> Integers:
    """Leaf i, which LightGBM writes as -i-1, comes after the inner nodes."""
    return np.where(children < 0, inner - children - 1, children)


def _integers(block: str, name: str) -> Integers:
    return np.array(_field(block, name).split(), dtype=np.int64)


def _field(block: str, name: str) -> str:
    _, _, rest = f"\n{block}".partition(f"\n{name}=")
    return rest.partition("\n")[0]
