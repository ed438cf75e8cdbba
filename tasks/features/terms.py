"""What free text becomes: its words, and from a table of words a few numbers. Pure.

A text is the set of its words. Each word has a row of numbers, and the text is the sum of them,
divided by its length as a vector of inverse document frequencies (Salton and Buckley, 1988, Term
Weighting Approaches in Automatic Text Retrieval). Every number of a table is a multiple of `GRID`,
so that sums in double are exact: training, export, requests and scoring give the very same bits,
whatever the order in which they add.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Floats, Singles
from tasks.features.schema import Columns
from tasks.features.values import MISSING, category
from tasks.letters import compose

WORD = re.compile(r"[^\W_]+")
# No word has an underscore, so neither this nor `MISSING` can come out of a text.
WORDLESS = "_"
# More are not looked at: one text of a book must not decide what a request may cost.
MOST_WORDS = 2_000
GRID = 2.0**-14
# Multiples of the grid up to here are exact in float32, which has 24 bits.
LARGEST_WEIGHT = 511.0


def words(value: Any) -> str:
    """Return the distinct words of a text in lower case, in their order, between blanks.

    >>> words("Good, GOOD - not_bad!"), words("?!"), words(None)
    ('good not bad', '_', '__missing__')
    """
    text = category(value)
    if text == MISSING:
        return MISSING
    distinct = dict.fromkeys(WORD.findall(compose(text).lower()))
    return " ".join([*distinct][:MOST_WORDS]) or WORDLESS


def reads_as_text(column: pd.Series[Any]) -> bool:
    """Tell whether texts are written in words that come again in other rows.

    At least three words with a letter a text, and half of all words in two texts or more: so that
    neither names nor codes nor times pass for it.

    >>> reads_as_text(pd.Series([f"a good book no {i}" for i in range(9)]))
    True
    >>> reads_as_text(pd.Series([f"id-{i}-{i * i}-x{i}" for i in range(9)]))
    False
    """
    texts = [words(value).split(" ") for value in column.dropna().head(2_000)]
    spoken = [[word for word in text if any(map(str.isalpha, word))] for text in texts]
    total = sum(map(len, spoken))
    if not texts or total < 3 * len(texts):
        return False
    rows = count_rows(spoken)
    return sum(rows[word] for word in rows if rows[word] > 1) * 2 >= total


def count_rows(texts: Iterable[Sequence[str]]) -> dict[str, int]:
    """Return in how many texts, whose words are distinct, each word is."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in text:
            counts[word] = counts.get(word, 0) + 1
    return counts


def count_words(prepared: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the frame with the number of words for each text, NaN where it is missing.

    This is what is watched of a text: `Columns.watched` are the columns of such a frame.

    >>> frame = pd.DataFrame({"t": ["good book", "_", "__missing__"]})
    >>> count_words(frame, Columns((), (), ("t",)))["t"].tolist()
    [2.0, 0.0, nan]
    """
    there = [name for name in columns.texts if name in prepared]
    return prepared.assign(**{name: _counted(prepared[name]) for name in there})


def _counted(column: pd.Series[Any]) -> Singles:
    special = {MISSING: np.nan, WORDLESS: 0.0}
    counts = (special.get(text, text.count(" ") + 1.0) for text in column.tolist())
    return np.fromiter(counts, np.float32, len(column))


@dataclass(frozen=True)
class TermTable:
    """Words with their rows of numbers.

    `weights` are (words, width + 1) float32, multiples of `GRID`; the last is the word's squared
    inverse document frequency. A word that is not among them counts nothing.
    """

    words: tuple[str, ...]
    weights: Singles

    @property
    def width(self) -> int:
        """How many numbers a text becomes."""
        return int(self.weights.shape[1]) - 1

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def _exact(self) -> Floats:
        return self.weights.astype(np.float64)

    def row(self, text: str) -> list[float]:
        """Return the `width` numbers of one text, as fast as can be."""
        get = self._places.get
        found = [place for word in text.split(" ") if (place := get(word)) is not None]
        sums = self._exact[found].sum(axis=0)
        numbers: list[float] = (sums[:-1] / sqrt(max(sums[-1], GRID))).tolist()
        return numbers

    def encode(self, texts: Sequence[str]) -> Singles:
        """Return (n, width) float32 of n texts that `words` made."""
        sums = np.asarray(self.counts(texts) @ self._exact)
        length = np.sqrt(np.maximum(sums[:, -1:], GRID))
        numbers: Singles = (sums[:, :-1] / length).astype(np.float32)
        return numbers

    def counts(self, texts: Sequence[str]) -> Any:
        """Return (n, words) as a sparse matrix: one where the text has the word."""
        from scipy.sparse import csr_array

        get, found, ends = self._places.get, [], [0]
        for text in texts:
            found += [place for word in text.split(" ") if (place := get(word)) is not None]
            ends.append(len(found))
        shape = len(texts), len(self.words)
        return csr_array((np.ones(len(found)), found, ends), shape=shape)


def on_grid(weights: Floats) -> Singles:
    """Return the nearest multiples of `GRID`, cut at `LARGEST_WEIGHT`."""
    cut = np.clip(weights, -LARGEST_WEIGHT, LARGEST_WEIGHT)
    return np.asarray(np.round(cut / GRID) * GRID, np.float32)
