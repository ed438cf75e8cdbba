"""A small decision tree that imitates a model, with the share of the answers it explains. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array
from tasks.errors import bounded
from tasks.features.schema import Columns
from tasks.features.values import MISSING

# At most eight rules, which a person still reads.
DEPTH = 3
# The most frequent of a category; the others are told by none of these being true.
LEVELS = 8
LONGEST = 30


@dataclass(frozen=True)
class SurrogateLeaf:
    """What the model answers to rows of which all `conditions` hold; `rows` of those looked at."""

    conditions: tuple[str, ...]
    answer: str
    rows: int


@dataclass(frozen=True)
class Surrogate:
    """The leaves of the tree, and its fidelity on rows that it was not fitted on.

    `fidelity` is R² of the model's answers; of several classes the share of rows to which the
    tree gives the class that the model gives (`measure` says which).
    """

    leaves: tuple[SurrogateLeaf, ...]
    fidelity: float
    measure: str


def fit_surrogate(
    prepared: pd.DataFrame, columns: Columns, answers: Array, classes: Sequence[Any]
) -> Surrogate:
    """Fit a tree of depth 3 to a model's answers on half of the rows, and judge it on the rest.

    Craven and Shavlik, Extracting Tree-Structured Representations of Trained Networks, 1996.

    Args:
        prepared: n rows.
        columns: names of its numbers and its categories.
        answers: (n, classes) probabilities or (n,) values of the model.
        classes: empty for a regression.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    names, rows = readable_columns(prepared, columns)
    several = len(classes) > 2
    said = answers.argmax(axis=1) if several else answers[:, 1] if classes else answers
    least = max(5, len(rows) // 100)
    kind = DecisionTreeClassifier if several else DecisionTreeRegressor
    # scikit-learn shuffles the columns before every split: without a seed, ties fall otherwise
    tree = kind(max_depth=DEPTH, min_samples_leaf=least, random_state=0)
    # every other row: both halves span the same time
    tree.fit(rows[::2], said[::2])
    fidelity = float(tree.score(rows[1::2], said[1::2])) if len(rows) > 3 else 0.0
    found = tree.tree_

    def told(node: int) -> str:
        value = found.value[node, 0]
        if several:
            return str(classes[int(tree.classes_[value.argmax()])])
        return f"{value[0]:.0%}" if classes else f"{value[0]:.4g}"

    # of the half that it was fitted on: elsewhere no missing value has chosen a side
    missing = np.asarray(np.isnan(rows[::2]).any(axis=0))
    places, counts = np.unique(tree.apply(rows), return_counts=True)
    reached = dict(zip(places.tolist(), counts.tolist(), strict=True))
    leaves = tuple(
        SurrogateLeaf(conditions, told(node), reached.get(node, 0))
        for node, conditions in leaf_paths(found, names, missing, len(columns.numbers))
    )
    return Surrogate(leaves, fidelity, "the same class" if several else "R²")


def readable_columns(prepared: pd.DataFrame, columns: Columns) -> tuple[list[str], Array]:
    """Return names and (n, ·) float32: the numbers, and one column a frequent level.

    >>> frame = pd.DataFrame({"a": [1.0, 2.0], "c": ["x", "x"]})
    >>> readable_columns(frame, Columns(("a",), ("c",)))[0]
    ['a', 'c is x']
    """
    names = list(columns.numbers)
    parts = [prepared[name].to_numpy(np.float32) for name in columns.numbers]
    for name in columns.categories:
        texts = prepared[name].to_numpy(object)
        for level, _ in Counter(texts.tolist()).most_common(LEVELS):
            told = "missing" if level == MISSING else bounded(level, LONGEST)
            names.append(f"{name} is {told}")
            parts.append((texts == level).astype(np.float32))
    return names, np.stack(parts, axis=1)


def leaf_paths(
    tree: Any,
    names: Sequence[str],
    missing: Array,
    numbers: int,
    node: int = 0,
    held: Mapping[tuple[int, bool], str] = MappingProxyType({}),
) -> list[tuple[int, tuple[str, ...]]]:
    """Return each leaf's node with the conditions on the way to it.

    A name behind the numbers tells one level of a category. A later bound of a column takes the
    place of an earlier.

    Args:
        tree: scikit-learn's arrays of a fitted tree.
        names: of its columns, numbers first.
        missing: (columns,) whether any value of a column is missing.
        numbers: how many of the columns are numbers.
        node, held: where to begin, and the conditions on the way there, by column and side.
    """
    left, right = int(tree.children_left[node]), int(tree.children_right[node])
    if left < 0:
        return [(node, tuple(held.values()))]
    column = int(tree.feature[node])
    name, threshold = names[column], float(tree.threshold[node])
    to_left = bool(tree.missing_go_to_left[node])
    also = " or missing" if missing[column] else ""
    if column >= numbers:
        low, high = f"not ({name})", name
    else:
        low = f"{name} ≤ {threshold:.4g}{also if to_left else ''}"
        high = f"{name} > {threshold:.4g}{'' if to_left else also}"
    return [
        *leaf_paths(tree, names, missing, numbers, left, {**held, (column, True): low}),
        *leaf_paths(tree, names, missing, numbers, right, {**held, (column, False): high}),
    ]
