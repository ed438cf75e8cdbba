"""What makes a batch look poisoned rather than new. Pure.

A changed world is to be learned from; wrong labels, or a column that gives the answer away, are
not. None of these checks can be sure, so they hold a retraining back for a person to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats
from tasks.evaluation.metrics import METRICS

# A column leaks that orders so much of the labels, and leaves at most a quarter of what it left at
# training: one that was as good then is no leak.
LEAK, LEFT = 0.95, 0.25
FEWEST = 30
ABSURD = 0.05
# See `associations`: the mean of a category of one row is that row's label.
MOST_CATEGORIES = 100
LOWEST = np.finfo(np.float64).min


def associations(prepared: pd.DataFrame, y: Array, classes: int) -> dict[str, float]:
    """Return for each column how well it alone orders the target, 0.5 (not at all) to 1.

    The area under the ROC curve of the column's ranks against the most frequent class (Hanley
    and McNeil 1982), whichever way round; for a regression against the target's upper half.
    A category stands for the mean of its rows; a column of more than `MOST_CATEGORIES` is left
    out, since that mean would be the rows' own labels.

    Args:
        prepared: n rows as a model sees them.
        y: (n,) class indices, or values for a regression.
        classes: their number; 0 for a regression.

    >>> frame = pd.DataFrame({"leak": [0.0, 0.0, 1.0, 1.0], "flat": [1.0, 1.0, 1.0, 1.0]})
    >>> associations(frame, np.array([0, 0, 1, 1]), classes=2)
    {'leak': 1.0, 'flat': 0.5}
    """
    truth = (y == np.bincount(y).argmax()) if classes else (y > np.median(y))
    positives = int(truth.sum())
    if not 0 < positives < len(truth):
        return {}
    found = {}
    for name in prepared.columns:
        column = prepared[name]
        if pd.api.types.is_numeric_dtype(column):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            if column.nunique() > MOST_CATEGORIES:
                continue
            values = pd.Series(truth).groupby(column.to_numpy()).transform("mean").to_numpy()
        # a missing value is the smallest, and the metric takes none that is not finite
        ranked = np.nan_to_num(values, nan=LOWEST)
        area = METRICS["roc_auc"].score(truth, ranked)
        found[str(name)] = round(max(area, 1 - area), 6)
    return found


def suspicions(
    y: Array, classes: tuple[Any, ...], now: Mapping[str, float], before: Mapping[str, float]
) -> tuple[str, ...]:
    """Return a sentence for each reason not to learn from these labelled rows by itself.

    Args:
        y: (n,) class indices or values.
        classes: the labels of the indices; empty for a regression.
        now, before: the associations in the batch, and in the champion's holdout.

    >>> suspicions(np.ones(50, int), ("no", "yes"), {}, {})
    ('All 50 labelled rows are of one class (yes).',)
    >>> suspicions(np.arange(50) % 2, (0, 1), {"fee": 0.999}, {"fee": 0.6})
    ('The column fee gives the target away: it orders the labels by 0.999, at training 0.600.',)
    """
    if len(y) < FEWEST:
        return ()
    told = []
    if classes and len(np.unique(y)) == 1:
        told.append(f"All {len(y):,} labelled rows are of one class ({classes[int(y[0])]}).")
    for name, value in sorted(now.items()):
        if value >= LEAK and 1 - value < LEFT * (1 - before.get(name, 0.5)):
            told.append(
                f"The column {name} gives the target away: it orders the labels by {value:.3f}, "
                f"at training {before.get(name, 0.5):.3f}."
            )
    return tuple(told)


def find_contradiction(y: Array, predictions: Floats, expected: float) -> tuple[str, bool]:
    """Say where far more of the surest answers are wrong than at training, and whether absurdly.

    A changed world and wrong labels look alike here, so a share that merely rose is only told. One
    that more than tripled, and by `ABSURD` at least, holds a retraining back: that is how labels
    look that were flipped under a model that knows better.

    Args:
        y: (n,) class indices.
        predictions: (n, k) probabilities.
        expected: the share of the surest tenth that was wrong in the champion's holdout.

    >>> sure = np.tile([0.01, 0.99], (500, 1))
    >>> find_contradiction(np.r_[np.zeros(100, int), np.ones(400, int)], sure, 0.01)
    ('20% of the labels contradict the surest tenth of the answers, at training 1%: the labels \
may be wrong, or the world has changed.', True)
    """
    wrong, rows = surest_wrong(y, predictions)
    # four standard deviations of a share of so many rows, with one wrong row where none was seen
    noise = 4 * np.sqrt(max(expected, 1 / max(rows, 1)) / max(rows, 1))
    if rows < FEWEST or wrong <= expected + max(0.03, noise):
        return "", False
    said = (
        f"{wrong:.0%} of the labels contradict the surest tenth of the answers, at training "
        f"{expected:.0%}: the labels may be wrong, or the world has changed."
    )
    return said, bool(wrong > 3 * expected + max(ABSURD, noise))


def surest_wrong(y: Array, predictions: Floats) -> tuple[float, int]:
    """Return the share of wrong answers among the surest tenth, and how many those are.

    Args:
        y: (n,) class indices.
        predictions: (n, k) probabilities.
    """
    sure = predictions.max(axis=1)
    rows = max(len(y) // 10, 1)
    # ties at the bound are taken whole, so that the order of rows does not matter
    bound = np.partition(sure, len(sure) - rows)[len(sure) - rows]
    kept = sure >= bound
    return float((predictions[kept].argmax(axis=1) != y[kept]).mean()), int(kept.sum())
