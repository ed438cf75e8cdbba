"""Which columns give the answer away: each alone predicts the target almost perfectly. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.config.choices import Task

# A real measurement rarely orders classes or numbers so well alone, a copy of the target does.
CLASSES, NUMBERS = 0.985, 0.97
SUM = 1 - 1e-6  # of the variance that numbers explain together, as parts of a total do
FEWEST = 40  # rows; with fewer, chance predicts well
CELLS = 2_000_000  # rows times columns that are tried: some two seconds
FOLDS = 3
MOST_BINS = 512


def find_leaks(sample: pd.DataFrame, target: str, task: Task) -> dict[str, str]:
    """Return how well each suspected column predicts the target alone, in words, by its name.

    Two thirds of the rows tell what each value, or bin of values, stands for, and the others
    judge it, three times: by the mean recall of the classes, or by the share of variance.

    Args:
        sample: n rows, the target and the features that are left.
    """
    known = sample[sample[target].notna()]
    columns = [name for name in known.columns if name != target]
    if len(known) < FEWEST or not columns:
        return {}
    step = -(-len(known) * len(columns) // CELLS)
    known = known.iloc[::step] if step > 1 else known
    y = _target(known[target], task)
    folds = _folds(y, task)
    found = {}
    for name in columns:
        x = _values(known[name])
        if x is None:
            continue
        score = _score(x, y, folds[:1], task)
        limit = NUMBERS if task == "regression" else CLASSES
        # One fold rules out most columns; the others must agree.
        if score >= limit and (score := _score(x, y, folds, task)) >= limit:
            found[name] = f"alone it tells {score:.1%} of {target}"
    return found or (_parts(known, columns, y, target) if task == "regression" else {})


def _parts(known: pd.DataFrame, columns: list[str], y: NDArray[Any], target: str) -> dict[str, str]:
    """Return the columns that together make the target, as parts do a total."""
    numbers = [
        name
        for name in columns
        if pd.api.types.is_float_dtype(known[name]) or pd.api.types.is_integer_dtype(known[name])
    ]
    rows = known[numbers].to_numpy(dtype=np.float64, na_value=np.nan)
    whole = np.isfinite(rows).all(axis=1)
    if not numbers or whole.sum() < 3 * len(numbers) + FEWEST:
        return {}
    x, y = rows[whole], y[whole]
    spread = x.std(axis=0)
    used = spread > 0
    scaled = (x[:, used] - x[:, used].mean(axis=0)) / spread[used]
    centred = y - y.mean()
    weights, *_ = np.linalg.lstsq(scaled, centred, rcond=None)
    left = centred - scaled @ weights
    if not centred.any() or 1 - (left @ left) / (centred @ centred) < SUM:
        return {}
    named = [name for name, kept in zip(numbers, used, strict=True) if kept]
    heavy = [
        name for name, weight in zip(named, weights, strict=True) if abs(weight) > 0.01 * y.std()
    ]
    together = f"{' and '.join(heavy)} add up to {target}"
    return dict.fromkeys(heavy, together if heavy[1:] else f"{target} follows from it exactly")


def _target(column: pd.Series, task: Task) -> NDArray[Any]:
    if task == "regression":
        return column.to_numpy(dtype=np.float64)
    return np.asarray(pd.factorize(column)[0])


def _folds(y: NDArray[Any], task: Task) -> list[NDArray[np.bool_]]:
    """Return which rows each fold judges: every third of each class, or of the ordered values."""
    order = np.lexsort((np.arange(len(y)), y))
    place = np.empty(len(y), dtype=np.int64)
    place[order] = np.arange(len(y))
    if task == "regression":
        # in file order, a sorted file would put neighbours on both sides anyway
        place = np.random.default_rng(7).permutation(len(y))
    return [place % FOLDS == fold for fold in range(FOLDS)]


def _values(column: pd.Series) -> NDArray[np.float64] | None:
    """Return the column as numbers; a missing value stays missing."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return np.asarray(column.astype("int64"), dtype=np.float64)
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan)
    codes, levels = pd.factorize(column)
    # nearly a level a row tells nothing about other rows
    return None if len(levels) > len(column) / 2 else codes.astype(np.float64)


def _score(
    x: NDArray[np.float64], y: NDArray[Any], folds: list[NDArray[np.bool_]], task: Task
) -> float:
    """Return the worst figure of the folds: what the bins of a column know of other rows."""
    worst = 1.0
    for judged in folds:
        bins, count = _bins(x, ~judged)
        fitted, asked, truth = bins[~judged], bins[judged], y[judged]
        if task == "regression":
            rows = np.bincount(fitted, minlength=count)
            sums = np.bincount(fitted, weights=y[~judged], minlength=count)
            told = np.where(rows > 0, sums / np.maximum(rows, 1), y[~judged].mean())[asked]
            spread = float(((truth - truth.mean()) ** 2).sum())
            figure = 1 - float(((truth - told) ** 2).sum()) / spread if spread else 0.0
        else:
            table = np.zeros((count, int(y.max()) + 1), dtype=np.int64)
            np.add.at(table, (fitted, y[~judged]), 1)
            right = table.argmax(axis=1)[asked] == truth
            figure = float(np.mean([right[truth == label].mean() for label in np.unique(truth)]))
        worst = min(worst, figure)
    return worst


def _bins(x: NDArray[np.float64], fitted: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
    """Return each row's bin, and their number: a value each, or equally full; missing is one."""
    known = x[fitted & np.isfinite(x)]
    values = np.unique(known)
    if len(values) > MOST_BINS:
        places = np.linspace(0, 1, min(MOST_BINS, max(2, len(known) // 4)))
        values = np.unique(np.quantile(known, places))
    bins = np.searchsorted(values, x, side="right")
    return np.where(np.isnan(x), len(values) + 1, bins), len(values) + 2
