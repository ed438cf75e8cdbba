"""What a model looks at as a whole, on rows it was judged on. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.arrays import Array, Floats
from tasks.evaluation.metrics import Metric
from tasks.explanation.surrogate import Surrogate
from tasks.models.attribution import Method, Scale


@dataclass(frozen=True)
class ColumnShare:
    """One raw column: its mean absolute contribution, and what the metric loses without it.

    `lost` is the mean over the rounds in which the column's values were shuffled among the rows,
    positive where the model answers worse; `spread` is the rounds' standard deviation.
    """

    name: str
    adds: float
    lost: float
    spread: float


@dataclass(frozen=True)
class Overview:
    """A model as a whole.

    Attributes:
        method, scale, of: as in `Explanation`; of several classes, each row's predicted one.
        rows: how many rows the contributions are averaged over.
        metric, shuffled: the metric that shuffling costs, and on how many rows.
        columns: every raw column, the largest mean absolute contribution first.
        surrogate: a small tree that answers as the model does, with its fidelity.
    """

    method: Method
    scale: Scale
    of: str
    rows: int
    metric: str
    shuffled: int
    columns: tuple[ColumnShare, ...]
    surrogate: Surrogate


def shares(
    raw: Sequence[str], values: Floats, losses: Mapping[str, tuple[float, float]]
) -> tuple[ColumnShare, ...]:
    """Return each raw column's share from (n, raw) contributions and its losses, largest first.

    Args:
        raw: names of the raw columns.
        values: (n, raw columns) contributions.
        losses: mean and deviation, in the metric's unit, by raw column.

    >>> found = shares(("a", "b"), np.array([[1.0, -3.0]]), {"a": (0.1, 0.0), "b": (0.2, 0.0)})
    >>> [(share.name, share.adds, share.lost) for share in found]
    [('b', 3.0, 0.2), ('a', 1.0, 0.1)]
    """
    sizes = np.abs(values).mean(axis=0).tolist()
    made = [ColumnShare(name, size, *losses[name]) for name, size in zip(raw, sizes, strict=True)]
    return tuple(sorted(made, key=lambda share: (-share.adds, share.name)))


def permutation_losses(
    predict: Callable[[Mapping[str, Array]], Array],
    prepared: pd.DataFrame | Mapping[str, Array],
    y: Array,
    metric: Metric,
    origins: Mapping[str, str],
    rounds: int,
    seed: int,
) -> dict[str, tuple[float, float]]:
    """Return, by raw column, what the metric loses when its values are shuffled: mean and spread.

    What one raw column was unfolded to is shuffled together. Breiman, Random Forests, 2001.

    Args:
        predict: answers prepared columns with (n, classes) probabilities or (n,) values.
        prepared: n rows, none of which the model was fitted on; as arrays by column they are
            handed on as they are, but for the shuffled.
        y: (n,) class indices or values.
        metric: what is lost.
        origins: the raw column of each prepared one.
        rounds, seed: how often each column is shuffled, and with which seed.

    Raises:
        DataError: the rows and the labels do not fit.
    """
    draw = np.random.default_rng(seed)
    columns = {str(name): np.asarray(column) for name, column in prepared.items()}
    whole = metric.score(y, predict(columns))
    # every column is shuffled alike, so that their losses can be compared
    orders = [draw.permutation(len(y)) for _ in range(rounds)]
    found: dict[str, tuple[float, float]] = {}
    parts: dict[str, list[str]] = {raw: [] for raw in origins.values()}
    for name, raw in origins.items():
        parts[raw].append(name)
    for raw, own in parts.items():
        lost = []
        for order in orders:
            shuffled = columns | {name: columns[name][order] for name in own}
            lost.append(float(metric.gain(whole, metric.score(y, predict(shuffled)))))
        # a metric of one class is no number
        finite = np.nan_to_num([np.mean(lost), np.std(lost)], posinf=0.0, neginf=0.0)
        found[raw] = (float(finite[0]), float(finite[1]))
    return found
