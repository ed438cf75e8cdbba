"""Counts the values of one column as they come, in bounded memory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.drift.profile import EXACT, POINTS, Array, ColumnProfile, number_column, texts
from tasks.drift.sketch import BLOCK, Run, Sketch

if TYPE_CHECKING:
    import polars as pl

LARGEST = float(np.finfo(np.float32).max)
TRACKED = 65_536
LONGEST = 200


class NumberCounter:
    """Exact counts up to `EXACT` different numbers, then a sketch; the moments always exact."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = 0
        self._waiting: list[Array] = []
        self._counts: Run | None = Run(np.zeros(0), np.zeros(0, np.int64))
        self._sketch = Sketch()
        self._known = 0
        self._mean = self._squares = 0.0
        self._low, self._high = np.inf, -np.inf

    def add(self, values: Array) -> None:
        """Take numbers in; what is no finite float32 is missing."""
        self.rows += len(values)
        for start in range(0, len(values), BLOCK):
            piece = values[start : start + BLOCK]
            fits = np.abs(piece) <= LARGEST
            # a copy: a view would keep the whole piece alive until the block is full
            self._waiting.append(piece[fits])
            if sum(map(len, self._waiting)) >= BLOCK:
                self._settle()

    def lack(self, rows: int) -> None:
        """Take missing rows in."""
        self.rows += rows

    def absorb(self, profile: ColumnProfile) -> None:
        """Take the rows of a profile in."""
        self._settle()
        self.rows += profile.rows
        if not profile.known:
            return
        self._moments(profile.known, profile.mean, profile.std**2 * profile.known)
        self._reach(profile.low, profile.high)
        if profile.exact:
            self._count(Run(profile.values, profile.counts))
        else:
            weights = profile.shares * profile.known
            self._spill(Run(profile.values, weights, profile.error * profile.known))

    def result(self) -> ColumnProfile:
        """Return the profile of what came."""
        self._settle()
        if self._counts is not None:
            values = self._counts.values.astype(np.float64) + 0.0  # -0.0 is 0.0
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
        values.sort()
        mean = float(values.mean(dtype=np.float64))
        away = values - np.float64(mean)
        self._moments(len(values), mean, float(away @ away))
        self._reach(float(values[0]), float(values[-1]))
        if self._counts is None:
            self._sketch.add(Run(values, np.ones(len(values))))
            return
        starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
        if len(starts) > EXACT:
            self._spill(Run(values, np.ones(len(values))))
        else:
            self._count(Run(values[starts], np.diff(np.append(starts, len(values)))))

    def _count(self, run: Run) -> None:
        """Add exact counts, whose values ascend."""
        if self._counts is None:
            self._sketch.add(run)
            return
        both = np.concatenate([self._counts.values, run.values])
        values, place = np.unique(both, return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, place, np.concatenate([self._counts.weights, run.weights]))
        self._counts = Run(values, counts)
        if len(values) > EXACT:
            self._counts = None
            self._sketch.add(Run(values, counts))

    def _spill(self, run: Run) -> None:
        """Give up exact counts, and take rows in."""
        if self._counts is not None and len(self._counts.values):
            self._sketch.add(self._counts)
        self._counts = None
        self._sketch.add(run)

    def _moments(self, rows: int, mean: float, squares: float) -> None:
        """Chan, Golub and LeVeque, Updating Formulae for Computing Sample Variances, 1979."""
        total = self._known + rows
        apart = mean - self._mean
        self._squares += squares + apart * apart * self._known * rows / total
        self._mean += apart * rows / total
        self._known = total

    def _reach(self, low: float, high: float) -> None:
        self._low, self._high = min(self._low, low), max(self._high, high)


class CategoryCounter:
    """Counts per text; beyond `TRACKED` different ones the rare half is let go, and counted.

    Manku and Motwani, Approximate Frequency Counts over Data Streams, 2002: a text that is kept
    may have lost at most the largest count that was let go, each time that some were.
    """

    def __init__(self, name: str, missing: str | None = None) -> None:
        self.name = name
        self.rows = 0
        self._absent = missing
        self._lost = self._short = 0
        self._missing = 0
        self._counts: pl.DataFrame | None = None

    def add(self, values: Any) -> None:
        """Take a pandas Series of text in; null and the word for missing are missing."""
        import polars as pl

        self.rows += len(values)
        column = pl.from_pandas(values) if len(values) else pl.Series([], dtype=pl.String)
        if column.dtype != pl.String:
            column = column.cast(pl.String)
        self._join(column.alias("text").value_counts(name="count"))

    def lack(self, rows: int) -> None:
        """Take missing rows in."""
        self.rows += rows
        self._missing += rows

    def absorb(self, profile: ColumnProfile) -> None:
        """Take the rows of a profile in."""
        import polars as pl

        self.rows += profile.rows
        self._missing += profile.missing
        self._lost += profile.other
        if profile.other:
            # what a profile does not name is no more frequent than the rarest that it names
            self._short += round(profile.error * profile.known) + int(profile.counts.min())
        named = {"text": profile.values.tolist(), "count": profile.counts}
        self._join(pl.DataFrame(named, schema={"text": pl.String, "count": pl.Int64}))

    def result(self) -> ColumnProfile:
        """Return the profile of what came: the `EXACT` most frequent texts."""
        import polars as pl

        if self._counts is None:
            none = np.zeros(0, np.int64)
            return ColumnProfile(self.name, "category", self.rows, self.rows, texts([]), none)
        named = self._most_frequent(EXACT).sort("text")
        counts = named["count"].to_numpy().astype(np.int64)
        other = self._lost + int(self._counts["count"].sum()) - int(counts.sum())
        known = self.rows - self._missing
        return ColumnProfile(
            self.name,
            "category",
            self.rows,
            self._missing,
            texts(named["text"].cast(pl.String).to_list()),
            counts,
            other,
            min(1.0, self._short / known) if known and other else 0.0,
        )

    def _join(self, counts: pl.DataFrame) -> None:
        import polars as pl

        absent = pl.col("text").is_null()
        if self._absent is not None:
            absent |= pl.col("text") == self._absent
        self._missing += int(counts.filter(absent)["count"].sum())
        counts = _shortened(counts.filter(~absent).cast({"count": pl.Int64}))
        if self._counts is not None:
            counts = pl.concat([self._counts, counts])
        self._counts = counts.group_by("text").agg(pl.col("count").sum())
        if self._counts.height > TRACKED:
            kept = self._most_frequent(TRACKED // 2)
            self._short += int(self._most_frequent(TRACKED // 2 + 1)["count"].min())  # type: ignore[arg-type]
            self._lost += int(self._counts["count"].sum()) - int(kept["count"].sum())
            self._counts = kept

    def _most_frequent(self, limit: int) -> pl.DataFrame:
        assert self._counts is not None
        return self._counts.sort(["count", "text"], descending=[True, False]).head(limit)


def _shortened(counts: pl.DataFrame) -> pl.DataFrame:
    """Cut texts that are longer than `LONGEST`; a digest keeps them apart."""
    import polars as pl

    long = pl.col("text").str.len_chars() > LONGEST
    if not counts.select(long.any()).item():
        return counts
    cut = pl.col("text").map_elements(_cut, return_dtype=pl.String)
    return counts.with_columns(pl.when(long).then(cut).otherwise("text").alias("text"))


def _cut(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]}… {digest}"
