"""A scikit-learn forest as flat arrays in a file, and as LightGBM's text. Pure.

LightGBM computes SHAP's values of any trees it can read, exactly and without a compiler: Lundberg
et al., Consistent Individualized Feature Attribution for Tree Ensembles, 2018, algorithm 2.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np

from tasks.errors import IntegrityError
from tasks.models import trees

Array = np.ndarray[Any, Any]
FILE = "forest.npz"
NAN_IS_MISSING, GOES_LEFT = 8, 2
LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class Forest:
    """The nodes of all trees one after the other; the sum of the trees is the answer.

    Attributes:
        sizes: (trees,) nodes a tree.
        feature: (nodes,) the encoded column that splits; -1 at a leaf.
        threshold: (nodes,) float32; a value that is at most this goes left.
        left, right: (nodes,) places within the tree; -1 at a leaf.
        missing_left: (nodes,) whether a missing value goes left.
        cover: (nodes,) training rows that reached it.
        values: (leaves, outputs) float64, in the order of the nodes.
    """

    sizes: Array
    feature: Array
    threshold: Array
    left: Array
    right: Array
    missing_left: Array
    cover: Array
    values: Array

    @classmethod
    def of(cls, estimator: Any) -> Forest:
        """Read a fitted random forest or extra trees."""
        read = trees.forest(estimator)
        leaf = np.concatenate([tree.left < 0 for tree in read])

        def joined(name: str) -> Array:
            return np.concatenate([getattr(tree, name) for tree in read])

        cover = [each.tree_.weighted_n_node_samples for each in estimator]
        return cls(
            np.array([len(tree.left) for tree in read], np.int32),
            np.where(leaf, -1, joined("feature")).astype(np.int32),
            np.where(leaf, 0, joined("threshold")).astype(np.float32),
            joined("left").astype(np.int32),
            joined("right").astype(np.int32),
            joined("missing_left").astype(bool),
            np.concatenate(cover).round().astype(np.int32),
            joined("values")[leaf].astype(np.float64),
        )

    @property
    def outputs(self) -> int:
        """How many numbers a leaf holds: one, or a share of each class."""
        return int(self.values.shape[1])

    def to_bytes(self) -> bytes:
        """Return a compressed `.npz`; the same forest gives the same bytes."""
        target = BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
            for one in fields(self):
                content = BytesIO()
                np.lib.format.write_array(content, getattr(self, one.name), allow_pickle=False)
                file.writestr(
                    zipfile.ZipInfo(f"{one.name}.npy", LONG_AGO),
                    content.getvalue(),
                    zipfile.ZIP_DEFLATED,
                )
        return target.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Forest:
        """Read what `to_bytes` wrote; nothing in it is ever run.

        Raises:
            IntegrityError: it is something else.
        """
        try:
            with np.load(BytesIO(data), allow_pickle=False) as found:
                forest = cls(*(found[one.name] for one in fields(cls)))
            nodes, leaves = int(forest.sizes.sum()), int((forest.left < 0).sum())
            if len(forest.values) != leaves or {
                len(getattr(forest, one.name)) for one in fields(cls)[1:-1]
            } != {nodes}:
                raise ValueError(f"{nodes} nodes with {leaves} leaves do not fit the rest")
        except (KeyError, TypeError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise IntegrityError(FILE, "it holds a forest", repr(error)) from error
        return forest

    def text(self, output: int, columns: int) -> str:
        """Return one output's trees as LightGBM reads them, for rows of so many columns."""
        head = [
            "tree",
            "version=v4",
            "num_class=1",
            "num_tree_per_iteration=1",
            "label_index=0",
            f"max_feature_idx={columns - 1}",
            "objective=regression",
            f"feature_names={' '.join(f'c{i}' for i in range(columns))}",
            f"feature_infos={' '.join(['none'] * columns)}",
        ]
        blocks = (f"Tree={i}\n{tree}\n\n" for i, tree in enumerate(self._trees(output)))
        return "\n".join([*head, "", "", "".join(blocks), "end of trees", ""])

    def _trees(self, output: int) -> Iterator[str]:
        ends = np.concatenate([[0], np.cumsum(self.sizes)])
        leaf = self.left < 0
        leaves = np.concatenate([[0], np.cumsum(leaf)])
        for start, end in pairwise(ends.tolist()):
            part = slice(start, end)
            values = self.values[leaves[start] : leaves[end], output]
            yield self._tree(part, leaf[part], values)

    def _tree(self, part: slice, leaf: Array, values: Array) -> str:
        inner = ~leaf
        place = np.where(leaf, -np.cumsum(leaf), np.cumsum(inner) - 1)
        cover = self.cover[part]
        goes = NAN_IS_MISSING + GOES_LEFT * self.missing_left[part][inner]
        nothing = np.zeros(int(inner.sum()), np.int64)
        lines: dict[str, Array] = {
            "split_feature": self.feature[part][inner],
            "split_gain": nothing,
            "threshold": self.threshold[part][inner].astype(np.float64),
            "decision_type": goes,
            "left_child": place[self.left[part][inner]],
            "right_child": place[self.right[part][inner]],
            "leaf_value": values,
            "leaf_weight": cover[leaf],
            "leaf_count": cover[leaf],
            "internal_value": nothing,
            "internal_weight": cover[inner],
            "internal_count": cover[inner],
        }
        written = [f"{name}={' '.join(map(repr, row.tolist()))}" for name, row in lines.items()]
        head = [f"num_leaves={len(values)}", "num_cat=0"]
        return "\n".join([*head, *written, "is_linear=0", "shrinkage=1"])
