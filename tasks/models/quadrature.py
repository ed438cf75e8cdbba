"""SHAP's values of a forest, exactly, in passes over all nodes of many trees at once. Pure.

A leaf's Shapley values are integrals over t from 0 to 1 of products along its path (Owen,
Multilinear Extensions of Games, 1972): feature j adds v (o_j - z_j) times the product over the
other features of z (1 - t) + o t, where z is the share of the training rows that go the path's way
at the feature's splits and o is 1 where the row goes it too. The product is a polynomial, so that
Gauss's quadrature is exact with half as many points as a path has features. Products pass down the
tree and sums back up, as in Yu et al., Linear TreeShap, 2022: the work grows with the nodes, where
the recursion that TreeExplainer and LightGBM use takes the square of the depth for each leaf.

Why not the library: shap's TreeExplainer takes the fitted scikit-learn model, which can be kept as
a pickle only, and a version holds no code; this reads arrays. Measured on one thread, a forest of
40 trees, the default, fitted to 40,000 rows of 10 columns: 1.3 ms a row, TreeExplainer 2.0 ms.
`tests/tasks/explanation/test_explainer.py` asks for its values within 1e-6, and
`tests/benchmarks/explanation.py` measures both on the flights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tasks.arrays import Array, Floats, Integers, Mask, Singles
from tasks.models.forest import Forest

# Nodes at a time: what one row touches in a pass has to fit a processor's cache.
TOGETHER = 8_000
NONE = -1


@dataclass(frozen=True, eq=False)
class Edges:
    """The nodes below the roots of some trees, level by level; a level's left children first.

    Attributes:
        feature, low, high, missing: of the splits of one feature on the way, merged: a value
            goes the way where low < value <= high, or is missing and `missing` says so.
        share: of the training rows at those splits, z above.
        before: the nearest edge above of the same feature, or -1.
        above: for each level, the places of the nodes that are split there.
        starts: where each level begins; one more at the end.
        leaves: places of the leaves, and where their values lie in the forest.
        features: the most features on one path.
    """

    feature: Integers
    low: Singles
    high: Singles
    missing: Mask
    share: Floats
    before: Integers
    above: tuple[Integers, ...]
    starts: tuple[int, ...]
    leaves: tuple[Integers, Integers]
    features: int


class Quadrature:
    """Prepared once for a forest; safe to use from several threads.

    `base` holds the mean answer of each output, `work` how many products one row takes.

    >>> ends, none = np.array([1, -1, -1]), np.zeros(3, bool)
    >>> half, cover = np.array([0.5, 0, 0], np.float32), np.array([4, 1, 3])
    >>> leaves = np.array([[8.0], [0.0]])
    >>> nodes = (np.array([3]), np.array([0, -1, -1]), half, ends, 2 * ends, none, cover)
    >>> trees = Quadrature(Forest(*nodes, leaves), 1)
    >>> trees.base.tolist(), trees.values(np.array([[0.0], [1.0]]), 0).round(12).tolist()
    ([2.0], [[6.0], [-2.0]])
    """

    def __init__(self, forest: Forest, columns: int) -> None:
        self._columns = columns
        self._values = forest.values
        self._parts = [_TreeGroup(edges) for edges in _group_trees(forest)]
        starts = np.concatenate([[0], np.cumsum(forest.sizes)])[:-1]
        leaf = forest.left < 0
        root = np.repeat(forest.cover[starts], forest.sizes)[leaf]
        self.work = sum(part.work for part in self._parts)
        self.base: Floats = (forest.cover[leaf] / root) @ forest.values

    def values(self, encoded: Array, output: int) -> Floats:
        """Return the values of one of a leaf's numbers for (n, columns) float32 rows."""
        found = np.zeros((len(encoded), self._columns))
        for part in self._parts:
            for place, row in enumerate(encoded):
                found[place] += part.values(row, self._values[:, output], self._columns)
        return found


class _TreeGroup:
    """Some trees with all that does not depend on the row, (3 ways, edges) by points.

    The ways: the row goes the edge's; it is the first of the feature that it does not go; it went
    another at an earlier edge of the feature.
    """

    def __init__(self, edges: Edges) -> None:
        self.edges = edges
        # n points are exact up to degree 2n - 1, and m features on a path make a degree of m - 1
        points, weights = np.polynomial.legendre.leggauss(max(1, (edges.features + 1) // 2))
        t = ((points + 1) / 2)[None, :]
        self._weights = weights / 2
        first = (edges.before == NONE)[:, None]
        share = edges.share[:, None]
        above = np.where(first, 1.0, share[edges.before])
        own, earlier = share + (1 - share) * t, above + (1 - above) * t
        before = np.where(first, 0.0, (1 - above) / earlier)
        away = np.broadcast_to(share / above, own.shape)
        self._factors = np.concatenate([own / earlier, share * (1 - t) / earlier, away])
        # Gauss's points lie inside (0, 1): neither t nor 1 - t is ever 0
        self._rates = np.concatenate(
            [(1 - share) / own - before, -1 / (1 - t) - before, np.zeros(own.shape)]
        )
        self.work = int(self._factors.size)

    def values(self, row: Array, leaf_values: Floats, columns: int) -> Floats:
        """Return the (columns,) values of one row; `leaf_values` are those of the whole forest."""
        edges = self.edges
        value = row[edges.feature]
        # NaN compares false with both bounds, so that only `missing` lets it through
        same = (value > edges.low) & (value <= edges.high) | (np.isnan(value) & edges.missing)
        earlier = same[edges.before] | (edges.before == NONE)
        count = len(same)
        way = np.where(same, 0, np.where(earlier, count, 2 * count)) + np.arange(count)
        product = self._factors.take(way, axis=0)
        for level, above in enumerate(edges.above[1:], start=1):
            start, middle, end = self._level(level)
            # left children lie before right ones, both in their parents' order: slices, no index
            passed = product.take(above, axis=0)
            product[start:middle] *= passed
            product[middle:end] *= passed
        places, kept = edges.leaves
        below = np.zeros_like(product)
        below[places] = product.take(places, axis=0) * leaf_values[kept, None]
        for level in range(len(edges.above) - 1, 0, -1):
            start, middle, end = self._level(level)
            below[edges.above[level]] = below[start:middle] + below[middle:end]
        below *= self._rates.take(way, axis=0)
        found: Array = np.bincount(edges.feature, below @ self._weights, minlength=columns)
        return found

    def _level(self, level: int) -> tuple[int, int, int]:
        start, end = self.edges.starts[level], self.edges.starts[level + 1]
        return start, (start + end) // 2, end


def _group_trees(forest: Forest) -> Iterator[Edges]:
    chosen: list[int] = []
    # a tree without a split has no edges: it adds to the base alone
    for tree in np.flatnonzero(forest.sizes > 1).tolist():
        chosen.append(tree)
        if int(forest.sizes[chosen].sum()) >= TOGETHER:
            yield _walk_down(forest, np.array(chosen))
            chosen = []
    if chosen:
        yield _walk_down(forest, np.array(chosen))


def _walk_down(forest: Forest, chosen: Integers) -> Edges:
    """Walk down from the roots of the trees chosen, a level of all of them at a time."""
    begins = np.cumsum(forest.sizes) - forest.sizes
    offset = np.repeat(begins, forest.sizes)
    value_of = np.cumsum(forest.left < 0) - 1
    node, place = begins[chosen], np.full(len(chosen), NONE)
    last = np.full((len(chosen), int(forest.feature.max()) + 1), NONE)
    found: dict[str, Array] = {}
    above, starts, places, values, most = [], [0], [], [], 0
    while len(node):
        children = np.concatenate([forest.left[node], forest.right[node]]) + np.tile(
            offset[node], 2
        )
        made = _below(forest, node, children, last, found)
        found = {
            name: np.concatenate([found.get(name, column[:0]), column])
            for name, column in made.items()
        }
        above.append(place)
        place = starts[-1] + np.arange(len(children))
        starts.append(starts[-1] + len(children))
        last = np.tile(last, (2, 1))
        last[np.arange(len(children)), made["feature"]] = place
        most = max(most, int((last != NONE).sum(axis=1).max()))
        ends = forest.left[children] < 0
        places.append(place[ends])
        values.append(value_of[children[ends]])
        node, place, last = children[~ends], place[~ends], last[~ends]
    leaves = np.concatenate(places), np.concatenate(values)
    return Edges(**found, above=tuple(above), starts=tuple(starts), leaves=leaves, features=most)


def _below(
    forest: Forest, node: Integers, children: Integers, last: Integers, found: Mapping[str, Array]
) -> dict[str, Array]:
    """Return the edges from split nodes to their children, tightened by those found above them."""
    feature, threshold = forest.feature[node], forest.threshold[node]
    is_left = np.arange(len(children)) < len(node)
    made = {
        "feature": np.tile(feature, 2),
        "low": np.where(is_left, np.float32(-np.inf), np.tile(threshold, 2)),
        "high": np.where(is_left, np.tile(threshold, 2), np.float32(np.inf)),
        "missing": np.tile(forest.missing_left[node], 2) == is_left,
        "share": forest.cover[children] / np.tile(forest.cover[node], 2),
        "before": np.tile(last[np.arange(len(node)), feature], 2),
    }
    again = made["before"] != NONE
    # below the roots no feature comes again, and nothing was found to look into
    if not again.any():
        return made
    earlier = made["before"][again]
    made["low"][again] = np.maximum(made["low"][again], found["low"][earlier])
    made["high"][again] = np.minimum(made["high"][again], found["high"][earlier])
    made["missing"][again] &= found["missing"][earlier]
    made["share"][again] *= found["share"][earlier]
    return made
