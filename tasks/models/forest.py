"""A scikit-learn forest as flat arrays, and as a file that holds no code. Pure."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np

from tasks.arrays import Floats, Integers, Mask, Singles
from tasks.documents import after_magic, magic
from tasks.errors import IntegrityError
from tasks.models import trees

# What release 0.1.0 did not say.
FIRST = b"perennial forest 1\n"


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

    sizes: Integers
    feature: Integers
    threshold: Singles
    left: Integers
    right: Integers
    missing_left: Mask
    cover: Integers
    values: Floats

    @classmethod
    def of(cls, estimator: Any, classes: int) -> Forest:
        """Read a fitted random forest or extra trees of so many classes, 0 for a regression."""
        read = trees.read_forest(estimator, classes)
        joined = partial(trees.join_nodes, read)
        leaf = joined("left") < 0
        # rows by weight: a row that a bootstrap drew twice counts twice
        cover = [tree.tree_.weighted_n_node_samples for tree in estimator]
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

    def to_bytes(self) -> bytes:
        """Return a compressed `.npz`; the same forest gives the same bytes."""
        target = BytesIO()
        # numpy dates what it packs 1980: the hour of writing would make other bytes
        np.savez_compressed(target, allow_pickle=False, **vars(self))
        with zipfile.ZipFile(target, "a") as file:
            file.comment = magic("forest")
        return target.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Forest:
        """Read what `to_bytes` wrote into the file `where`; nothing in it is ever run.

        Raises:
            IntegrityError: it is something else.
        """
        try:
            with zipfile.ZipFile(BytesIO(data)) as file:
                after_magic("forest", file.comment or FIRST, where, "Train again.")
            with np.load(BytesIO(data), allow_pickle=False) as arrays:
                forest = cls(*(arrays[entry.name] for entry in fields(cls)))
            # arrays that do not fit would be told by an index out of range, in a request
            nodes, leaves = int(forest.sizes.sum()), int((forest.left < 0).sum())
            if len(forest.values) != leaves or {
                len(getattr(forest, entry.name)) for entry in fields(cls)[1:-1]
            } != {nodes}:
                raise ValueError(f"{nodes} nodes with {leaves} leaves do not fit the rest")
        except (KeyError, TypeError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise IntegrityError(where, "it holds a forest", repr(error)) from error
        return forest
