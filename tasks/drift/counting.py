"""Counts the values of one column as they come, in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays import Floats
from tasks.drift.profile import EXACT, POINTS, ColumnProfile, number_column, texts
from tasks.drift.sketch import BLOCK, Run, Sketch, block
from tasks.features.values import LARGEST

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Texts that are counted at once, and with LONGEST the memory of a column of free text: without
# both, one of unique texts would grow with the rows.
TRACKED = 65_536
LONGEST = 200
SPOKEN = 50
# 64 KB of float64.
PART = 8192


class NumberCounter:
    """Exact counts up to `EXACT` different numbers, then a sketch; the moments always exact."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = 0
        self._waiting: list[Floats] = []
        self._counts: Run | None = Run(np.zeros(0), np.zeros(0, np.int64))
        self._sketch = Sketch()
        self._known = 0
        self._mean = self._squares = 0.0
        self._low, self._high = np.inf, -np.inf

    def add(self, values: Floats) -> None:
        """Take numbers in; what is no finite float32 is missing.

        Args:
            values: (n,) floats of either width.
        """
        self.rows += len(values)
        for start in range(0, len(values), BLOCK):
            piece = values[start : start + BLOCK]
            # models take float32: what is infinite there is missing here
            fits = np.abs(piece) <= LARGEST
            # a copy: a view would keep the whole piece alive until the block is full
            self._waiting.append(piece[fits])
            if sum(map(len, self._waiting)) >= BLOCK:
                self._settle()

    def lack(self, rows: int) -> None:
        """Take missing rows in."""
        self.rows += rows

    def result(self) -> ColumnProfile:
        """Return the profile of what came."""
        self._settle()
        if self._counts is not None:
            # adding 0.0 makes one of -0.0 and 0.0, which compare equal and have other bytes
            values = self._counts.values.astype(np.float64) + 0.0
            return number_column(self.name, values, self._counts.weights, self.rows)
        run = self._sketch.result(POINTS)
        points, counts = np.unique(run.values.astype(np.float64) + 0.0, return_counts=True)
        missing, spread = self.rows - self._known, float(np.sqrt(self._squares / self._known))
        moments = (self._mean, spread, self._low, self._high)
        error = run.error / self._known
        return ColumnProfile(
            self.name, "number", self.rows, missing, points, counts, 0, error, *moments
        )

    def _settle(self) -> None:
        values = np.concatenate(self._waiting) if self._waiting else np.zeros(0)
        self._waiting = []
        if not len(values):
            return
        # in place: it is a block of 1 MB, which nobody else holds
        values.sort()
        self._moments(len(values), *_moments(values))
        self._low = min(self._low, float(values[0]))
        self._high = max(self._high, float(values[-1]))
        if self._counts is not None:
            new = values[1:] != values[:-1]
            if np.count_nonzero(new) < EXACT:
                starts = np.append(0, np.flatnonzero(new) + 1)
                self._count(Run(values[starts], np.diff(np.append(starts, len(values)))))
                return
        # exact counts are given up for good: what was counted is in the sketch from here on
        if self._counts is not None and len(self._counts.values):
            self._sketch.add(self._counts)
        self._counts = None
        self._sketch.add(block(values))

    def _count(self, run: Run) -> None:
        """Add exact counts, whose values ascend."""
        assert self._counts is not None
        both = np.concatenate([self._counts.values, run.values])
        values, place = np.unique(both, return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, place, np.concatenate([self._counts.weights, run.weights]))
        self._counts = Run(values, counts)
        if len(values) > EXACT:
            self._counts = None
            self._sketch.add(Run(values, counts))

    def _moments(self, rows: int, mean: float, squares: float) -> None:
        """Chan, Golub and LeVeque, Updating Formulae for Computing Sample Variances, 1979."""
        total = self._known + rows
        apart = mean - self._mean
        self._squares += squares + apart * apart * self._known * rows / total
        self._mean += apart * rows / total
        self._known = total


class CategoryCounter:
    """Counts per text; beyond `tracked` different ones the rarer half is let go, and counted.

    Manku and Motwani, Approximate Frequency Counts over Data Streams, 2002: a text that is kept
    may have lost at most the largest count that was let go, each time that some were.
    """

    def __init__(
        self, name: str, missing: str | None = None, tracked: int = TRACKED, exact: int = EXACT
    ) -> None:
        self.name, self._tracked, self._exact = name, tracked, exact
        self.rows = 0
        self._absent = (None, missing)
        self._missing = self._lost = self._short = 0
        self._counts: dict[str, int] = {}

    def add(self, values: pd.Series) -> None:
        """Take text in; null and the word for missing are missing."""
        import pyarrow as pa

        text = pa.array(values, from_pandas=True)
        # a category or an object column does not come as text
        if not (pa.types.is_large_string(text.type) or pa.types.is_string(text.type)):
            text = pa.array(values.astype("str"), from_pandas=True)
        self.count(text)

    def count(self, text: pa.Array) -> None:
        """Take text of Arrow in."""
        import pyarrow.compute as pc

        self.rows += len(text)
        found = pc.value_counts(text)
        counts = found.field("counts").to_numpy().tolist()
        self._join(dict(zip(found.field("values").to_pylist(), counts, strict=True)))

    def lack(self, rows: int) -> None:
        """Take missing rows in."""
        self.rows += rows
        self._missing += rows

    def result(self) -> ColumnProfile:
        """Return the profile of what came: the `exact` most frequent texts."""
        known = self.rows - self._missing
        named = sorted(_most_frequent(self._counts, self._exact).items())
        counts = np.array([count for _, count in named], np.int64)
        other = known - int(counts.sum())
        error = min(1.0, self._short / known) if other else 0.0
        values = texts([text for text, _ in named])
        return ColumnProfile(
            self.name, "category", self.rows, self._missing, values, counts, other, error
        )

    def _join(self, counts: dict[str | None, int]) -> None:
        for absent in self._absent:
            self._missing += counts.pop(absent, 0)
        for text, count in counts.items():
            assert text is not None
            short = text if len(text) <= LONGEST else _cut(text)
            self._counts[short] = self._counts.get(short, 0) + count
        if len(self._counts) > self._tracked:
            # half at once: letting go one by one would sort the texts again for every new one
            kept = _most_frequent(self._counts, self._tracked // 2)
            gone = self._counts.keys() - kept.keys()
            self._short += max(self._counts[text] for text in gone)
            self._lost += sum(self._counts[text] for text in gone)
            self._counts = kept


class WordCounter:
    """Counts words of free texts, of each text its first `SPOKEN` distinct ones."""

    def __init__(self, name: str, absent: Sequence[str]) -> None:
        self._counter, self._absent = CategoryCounter(name), list(absent)

    def add(self, texts: pd.Series) -> None:
        """Take texts in, as `tasks.features.terms.words` makes them."""
        import pyarrow as pa
        import pyarrow.compute as pc

        text = pa.array(texts, pa.large_string(), from_pandas=True)
        spoken = text.filter(pc.invert(pc.is_in(text, pa.array(self._absent, pa.large_string()))))
        # one text of a book must not decide what a batch speaks of
        lists = pc.list_slice(pc.split_pattern(spoken, " ", max_splits=SPOKEN), 0, SPOKEN)
        self._counter.count(pc.list_flatten(lists))

    def result(self) -> ColumnProfile:
        """Return the profile of the words."""
        return self._counter.result()


def _most_frequent(counts: dict[str, int], limit: int) -> dict[str, int]:
    """Return the `limit` largest counts; of equal ones those that came first."""
    if len(counts) <= limit:
        return counts
    # stable, so that a training that is run again publishes the same bytes
    order = np.argsort(-np.fromiter(counts.values(), np.int64), kind="stable")[:limit]
    told = list(counts.items())
    return dict(told[place] for place in np.sort(order))


def _cut(text: str) -> str:
    """Shorten a text; a digest keeps it apart from others that begin alike."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[: LONGEST - 20]}… {digest}"


def _moments(values: Floats) -> tuple[float, float]:
    """Return the mean and the sum of squares around it, a part that fits the cache at a time."""
    mean = float(values.mean(dtype=np.float64))
    squares = 0.0
    for start in range(0, len(values), PART):
        away = values[start : start + PART] - np.float64(mean)
        squares += float(away @ away)
    return mean, squares
