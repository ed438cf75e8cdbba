"""Which rows a model is judged on: the latest, or every one out of fold where those are few. Pure.

A fifth of 344 rows proves nothing, and the other four fifths would never be judged. In a
cross-validation a row is judged by models that were fitted on other rows (where rows have a time:
by one that was fitted on earlier ones), and the model that is published learns from all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tasks.arrays import Array, Hashes, Times
from tasks.config import Pipeline
from tasks.dataset.split import Fold, Split, exchangeable_folds, forward_folds
from tasks.errors import DataError
from tasks.evaluation.evaluate import HeldOut

# Kohavi 1995 finds five to ten good for choosing a model; more of them cost more fits, and with
# time the first fold is fitted on a share of 1 in K + 1.
K = 5
# Of exchangeable rows the folds are dealt anew, as often; in time there is one order only.
REPEATS = 2
# Rows; fewer teach a fold's model too little to say anything of the one that is published.
FEWEST_FITTED = 25
# Rows of each of the two commonest classes: two to judge in a fold.
FEWEST_OF_CLASS = 2 * K


def judges_in_folds(held_out: int, pipeline: Pipeline) -> bool:
    """Say whether the file asks for a cross-validation, given how many rows would be held out.

    >>> file = Pipeline(name="a", task="binary", target="y", event_time="t")
    >>> judges_in_folds(69, file), judges_in_folds(200, file)
    (True, False)
    """
    asked = pipeline.training.evidence
    return asked == "cross_validation" or (asked == "auto" and held_out < pipeline.gate.min_rows)


def cross_validate(
    times: Times, hashes: Hashes | None, y: Array, classes: Sequence[Any], pipeline: Pipeline
) -> Split:
    """Return a split whose folds judge rows by models that were fitted on others.

    Where rows have a time, on earlier ones, so the earliest rows are not judged. Where they have
    not, on those of the other folds (see `exchangeable_folds`), so every row is; and this is done
    `REPEATS` times.

    Args:
        times: (n,) event times, in any order.
        hashes: (n,) hashes of exchangeable rows; None where time counts.
        y: (n,) class indices, or values for a regression.
        classes: the labels of the indices; empty for a regression.

    Raises:
        DataError: there are too few rows of two classes, or of different times.
    """
    where = f"pipeline {pipeline.name}"
    if classes:
        check_classes(y, classes, where)
    folds = _earlier(times, y, classes) if hashes is None else _dealt(hashes, y, pipeline)
    if not folds:
        rule = f"{FEWEST_FITTED} rows or more, of two classes, are earlier than others"
        remedy = "Wait for later rows of every class; without `event_time` rows have no order."
        raise DataError(f"{where}, cross-validation by time", rule, "none", remedy)
    judged = np.zeros(len(y), dtype=bool)
    judged[np.concatenate([fold.judge for fold in folds])] = True
    return Split(None, np.ones(len(y), dtype=bool), judged, folds)


def _earlier(times: Times, y: Array, classes: Sequence[Any]) -> tuple[Fold, ...]:
    return tuple(
        fold
        for fold in forward_folds(times, K)
        if len(fold.fit) >= FEWEST_FITTED and (not classes or len(np.unique(y[fold.fit])) > 1)
    )


def _dealt(hashes: Hashes, y: Array, pipeline: Pipeline) -> tuple[Fold, ...]:
    folds: tuple[Fold, ...] = ()
    for _ in range(REPEATS):
        folds += exchangeable_folds(hashes, y, K, pipeline.task)
        # another hash of the same rows: which of them share a fold is chance, too
        hashes = pd.util.hash_array(hashes)
    return folds


def check_classes(y: Array, classes: Sequence[Any], where: str) -> None:
    """Raise DataError where two classes have too few rows to be judged.

    >>> check_classes(np.array([0] * 40 + [1] * 3), ("no", "yes"), "pipeline a")
    Traceback (most recent call last):
    ...
    tasks.errors.DataError: pipeline a, classes: two of them have at least 10 rows; got no: 40, \
yes: 3. Ingest more rows of the rarer class.
    """
    counts = np.bincount(y.astype(int), minlength=len(classes))
    if (counts >= FEWEST_OF_CLASS).sum() >= 2:
        return
    rule = f"two of them have at least {FEWEST_OF_CLASS} rows"
    told = zip(classes[:10], counts[:10], strict=True)
    came = ", ".join(f"{label}: {count}" for label, count in told)
    raise DataError(f"{where}, classes", rule, came, "Ingest more rows of the rarer class.")


def describe_split(split: Split) -> HeldOut:
    """Return how the split's rows are held out, for what judges them."""
    folds, repeats = split.folds, split.repeats
    return HeldOut(split.evidence, len(folds) // repeats, repeats, widening(folds, repeats))


def widening(folds: Sequence[Fold], repeats: int = 1) -> float:
    """Return by how much intervals out of these folds are wider than their rows alone say.

    The models of the folds share most of their rows, so their errors go together, and resampling
    the judged rows does not see it. Of J folds with n₂ judged rows to n₁ fitted ones, the variance
    of the mean is not s²/J but s² (1/J + n₂/n₁): Nadeau and Bengio, Inference for the
    Generalization Error, 2003; of repeated folds Bouckaert and Frank, 2004. What rows alone say is
    s² to the folds of one repetition. With time n₂/n₁ is its mean over the growing folds.

    >>> rows = np.arange(100)
    >>> fold = Fold(rows[:80], rows[80:])
    >>> [round(widening([fold] * 5 * repeats, repeats), 3) for repeats in (1, 2)], widening([])
    ([1.5, 1.323], 1.0)
    """
    if not folds:
        return 1.0
    shares = sum(len(fold.judge) / len(fold.fit) for fold in folds)
    return math.sqrt((1 + shares) / repeats)
