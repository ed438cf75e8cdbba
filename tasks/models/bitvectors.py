"""Many rows through boosted trees at once, without walking any tree. Pure.

Each leaf of a tree is a bit. A row's value falls in a bin between two thresholds of its column,
and the bin says, for every tree, which leaves can still be reached; the bins of all columns
together leave the row's own leaf as the lowest bit that is set. Source: QuickScorer, Lucchese et
al., SIGIR 2015. Columns with few bins share one table, so that there are fewer to look into.

Why not the library: ONNX Runtime walks every tree for every row. Measured on one thread, 200 trees
of 31 leaves, 10 columns, 40,000 rows: 180,000 rows a second through ONNX Runtime, 875,000 through
`BulkModel`, with the same answers. Trees compiled ahead of time (tl2cgen) come to 1.04 million, but
want a C compiler where they run and 2.5 s for each version. `tests/benchmarks/batch_scoring.py`
measures the whole way beside `mlflow.pyfunc`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.arrays import Array, Floats, Integers, Singles
from tasks.models.cuts import Cuts
from tasks.models.trees import Tree

# A leaf is a bit, and 64 is the widest word that numpy has; `LIGHTGBM` searches up to 63 leaves.
MOST_LEAVES = 64
# A joint table is read at random, once a row: it pays only while it stays in a near cache.
SHARED_BYTES = 192 * 1024
# Rows times trees of one pass, the size of each buffer that is used again and again.
CELLS = 200_000
# The narrowest word that holds a tree's leaves: half the width is half the memory to read.
WIDTHS = ((16, np.uint16), (32, np.uint32), (64, np.uint64))


@dataclass(frozen=True)
class BinTable:
    """What the bins of some columns leave: `leaves` is (bins, trees) of bits.

    The bins of a column are those between its thresholds and one for a missing value.
    """

    columns: tuple[int, ...]
    cuts: tuple[Cuts, ...]
    leaves: Integers

    def bins(self, rows: Singles) -> Integers:
        """Return the joint bin of each of (n, columns) float32 rows, NaN where missing."""
        joint: Any = 0
        for column, cuts in zip(self.columns, self.cuts, strict=True):
            # a column of a row-wise matrix is spread over memory, and is passed over many times
            bins = cuts.bins(np.ascontiguousarray(rows[:, column]))
            joint = joint * (len(cuts.thresholds) + 2) + bins
        return np.asarray(joint)

    def join(self, other: BinTable) -> BinTable:
        """Return one table for the columns of both."""
        both = self.leaves[:, None, :] & other.leaves[None, :, :]
        leaves = both.reshape(-1, both.shape[2])
        return BinTable(self.columns + other.columns, self.cuts + other.cuts, leaves)


@dataclass(frozen=True)
class Bitvectors:
    """Trees of at most 64 leaves.

    `values` is (trees, leaves), in the order of outputs; `ends` says where each output's trees end.
    """

    tables: tuple[BinTable, ...]
    values: Floats
    ends: tuple[int, ...]

    @classmethod
    def of(cls, trees: Sequence[Tree], outputs: int) -> Bitvectors | None:
        """Return the trees in this form, or None where one has too many leaves.

        >>> none = np.array([-1, -1, -1])
        >>> stump = Tree(np.zeros(3, int), np.zeros(3, np.float32), np.array([1, -1, -1]),
        ...              np.array([2, -1, -1]), np.zeros(3, bool), np.array([[0.0], [5.0], [7.0]]))
        >>> made = Bitvectors.of([stump], 1)
        >>> made.sums(np.array([[-1.0], [0.0], [1.0], [np.nan]], np.float32)).ravel().tolist()
        [5.0, 5.0, 7.0, 7.0]
        """
        most = max(int((tree.left < 0).sum()) for tree in trees)
        if most > MOST_LEAVES or any(tree.values.shape[1] != 1 for tree in trees):
            return None
        width, kind = next((bits, kind) for bits, kind in WIDTHS if most <= bits)
        ordered = sorted(trees, key=lambda tree: tree.output)
        values = np.zeros((len(ordered), width))
        by_column: dict[int, list[_Split]] = {}
        for place, tree in enumerate(ordered):
            for split in _number_leaves(tree, place, values[place]):
                by_column.setdefault(split.column, []).append(split)
        tables = [_table(column, splits, len(values), kind) for column, splits in by_column.items()]
        counts = np.bincount([tree.output for tree in ordered], minlength=outputs)
        return cls(tuple(_join_small(tables)), values, tuple(np.cumsum(counts).tolist()))

    def sums(self, rows: Singles) -> Floats:
        """Return (n, outputs) sums of leaves in double for (n, columns) float32 rows."""
        bins = [table.bins(rows) for table in self.tables]
        answers = np.zeros((len(rows), len(self.ends)))
        size = max(1, min(len(rows), max(16, CELLS // len(self.values))))
        desk, starts = _Buffers(self.values, size), (0, *self.ends[:-1])
        for first in range(0, len(rows), size):
            # the last part begins among the rows of the one before: the buffers are of one size
            begin = min(first, len(rows) - size)
            part = slice(begin, begin + size)
            leaves = self._reached([column[part] for column in bins], desk)
            for output, (start, end) in enumerate(zip(starts, self.ends, strict=True)):
                np.sum(leaves[:, start:end], axis=1, out=answers[part, output])
        return answers

    def _reached(self, bins: Sequence[Integers], desk: _Buffers) -> Floats:
        """Return (rows, trees) values of the leaves that rows in these bins end in."""
        left, more = desk.left, desk.more
        left.fill(np.iinfo(left.dtype).max)
        for table, places in zip(self.tables, bins, strict=True):
            # with its default mode, "raise", numpy buffers `out`:
            # https://numpy.org/doc/stable/reference/generated/numpy.take.html
            np.take(table.leaves, places, axis=0, out=more, mode="clip")
            np.bitwise_and(left, more, out=left)
        # x & -x leaves the lowest bit that is set, which is the row's own leaf
        np.negative(left, out=more)
        np.bitwise_and(left, more, out=left)
        # which bit is set is read off the exponent of a float that holds the power of two
        np.copyto(desk.floats, left, casting="unsafe")
        wide = desk.floats.dtype == np.float64
        bits = desk.floats.view(np.int64 if wide else np.int32)
        np.right_shift(bits, 52 if wide else 23, out=bits)
        np.add(bits, desk.offsets, out=desk.places)
        np.take(desk.values, desk.places, out=desk.reached, mode="clip")
        return desk.reached


class _Buffers:
    """Arrays to work in, used again and again: new memory each time costs more than the sums.

    All are (rows, trees) but for `values`, every leaf one after the other, and `offsets`, where
    those of a tree begin.
    """

    def __init__(self, values: Floats, rows: int) -> None:
        count, width = values.shape
        shape, kind = (rows, count), dict(WIDTHS)[width]
        # a power of two is exact in either; its exponent is the bit's number plus IEEE 754's bias
        floats, bias = (np.float64, 1023) if width == 64 else (np.float32, 127)
        self.left: Integers = np.empty(shape, kind)
        self.more: Integers = np.empty(shape, kind)
        self.floats: Array = np.empty(shape, floats)
        self.places: Integers = np.empty(shape, np.int64)
        self.reached: Floats = np.empty(shape)
        self.values: Floats = values.ravel()
        self.offsets: Integers = np.arange(count) * width - bias


@dataclass(frozen=True)
class _Split:
    """A row whose value is above the threshold leaves the `lost` leaves of the tree behind."""

    column: int
    threshold: Any
    missing_left: bool
    tree: int
    lost: int


def _number_leaves(tree: Tree, place: int, values: Floats) -> Iterator[_Split]:
    """Number the leaves from left to right into `values`, and yield the splits above them."""
    below: dict[int, int] = {}
    waiting = [(0, False)]
    count = 0
    while waiting:
        node, seen = waiting.pop()
        left, right = int(tree.left[node]), int(tree.right[node])
        if left < 0:
            values[count] = tree.values[node, 0]
            below[node] = 1 << count
            count += 1
        elif not seen:
            waiting += [(node, True), (right, False), (left, False)]
        else:
            below[node] = below[left] | below[right]
            threshold = np.float32(tree.threshold[node])
            column, goes_left = int(tree.feature[node]), bool(tree.missing_left[node])
            yield _Split(column, threshold, goes_left, place, below[left])


def _table(column: int, splits: Sequence[_Split], trees: int, kind: Any) -> BinTable:
    known = np.unique(np.array([split.threshold for split in splits], np.float32))
    leaves = np.full((len(known) + 2, trees), np.iinfo(kind).max, kind)
    for split in splits:
        rest = kind(np.iinfo(kind).max ^ split.lost)
        # bin i + 1 is the first whose values lie above threshold i
        leaves[int(np.searchsorted(known, split.threshold)) + 1, split.tree] &= rest
        if not split.missing_left:
            leaves[-1, split.tree] &= rest
    # a value above one threshold is above all smaller ones of its column; the last bin is missing
    np.bitwise_and.accumulate(leaves[:-1], axis=0, out=leaves[:-1])
    return BinTable((column,), (Cuts.of(known),), leaves)


def _join_small(tables: Sequence[BinTable]) -> list[BinTable]:
    made: list[BinTable] = []
    for table in sorted(tables, key=lambda table: len(table.leaves)):
        if made and made[-1].leaves.nbytes * len(table.leaves) <= SHARED_BYTES:
            made[-1] = made[-1].join(table)
        else:
            made.append(table)
    return made
