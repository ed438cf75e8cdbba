"""Fitted trees as flat arrays, from scikit-learn's forests and from LightGBM alike. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.arrays import Array, Floats, Integers, Mask, Singles

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


def join_nodes(trees: Sequence[Tree], name: str) -> Array:
    """Return one field of all trees' nodes, tree after tree."""
    return np.concatenate([getattr(tree, name) for tree in trees])


def round_down(thresholds: Floats) -> Singles:
    """Return the largest float32 that is not above each of (m,) float64 thresholds.

    A float32 value is at most the threshold exactly where it is at most this one; rounding to
    the nearest instead would send a value just above the threshold to the left.

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
        # counts before scikit-learn 1.3, shares since; of two classes one share says both
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
    leaves = _numbers(block, "leaf_value", np.float64)
    inner = len(leaves) - 1
    # of a tree without a split these are empty, and its one leaf is its root
    threshold = _numbers(block, "threshold", np.float64)
    decision = _numbers(block, "decision_type", np.int64)
    # bit 1: what is missing goes left; bits 2 and 3: what counts as that (1 zero, 2 NaN)
    missing_kind = (decision >> 2) & 3
    goes_left = np.where(missing_kind == 2, (decision & 2) > 0, threshold >= 0.0)
    left, right = (_numbers(block, f"{side}_child", np.int64) for side in ("left", "right"))
    # leaf i, which LightGBM writes as -i-1, comes after the inner nodes
    left, right = (np.where(side < 0, inner - side - 1, side) for side in (left, right))
    pad = np.zeros(len(leaves))
    ends = np.full(len(leaves), LEAF)
    return Tree(
        np.concatenate([_numbers(block, "split_feature", np.int64), pad.astype(int)]),
        np.concatenate([round_down(threshold), pad.astype(np.float32)]),
        np.concatenate([left, ends]),
        np.concatenate([right, ends]),
        np.concatenate([goes_left, pad.astype(bool)]),
        np.concatenate([np.zeros(inner), leaves])[:, None],
        output,
    )


def _numbers(block: str, name: str, kind: type) -> Array:
    return np.array(_field(block, name).split(), dtype=kind)


def _field(block: str, name: str) -> str:
    _, _, rest = f"\n{block}".partition(f"\n{name}=")
    return rest.partition("\n")[0]
