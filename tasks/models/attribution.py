"""SHAP's values of encoded rows, exactly and fast, for the families that allow it.

Every way answers on the scale on which a model adds up: log-odds for a boosting or a linear model
that classifies, the probability itself for a forest, which averages shares, and the value's own
unit for a regression. No exported model holds a calibration step, so there is nothing behind the
sum but the logistic function or the softmax.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import log2
from typing import Literal

import numpy as np

from tasks.arrays import Array, Floats, Integers

Scale = Literal["log-odds", "probability", "value"]
Method = Literal["tree_shap", "linear_shap", "lime"]


@dataclass(frozen=True)
class Attributed:
    """What each encoded column adds, for one output a row.

    `base` is (n,), `values` (n, encoded); `rest` (n,) is what the other classes weigh on the same
    scale, the logarithm of the sum of their exponentials: the probability is the logistic function
    of base + sum of values - rest. It is 0 but for log-odds of several classes.
    """

    base: Floats
    values: Floats
    rest: Floats


@dataclass(frozen=True)
class Attribution:
    """One way to explain; safe to use from several threads.

    Attributes:
        work: what one row costs, in additions of the algorithm; only its size matters.
        attribute: explains (n, encoded) float32 rows, of each the output asked for by its (n,)
            place among the outputs: a class, or 0.
    """

    method: Method
    scale: Scale
    work: float
    attribute: Callable[[Array, Integers], Attributed]


def additions(leaves: Iterable[int]) -> float:
    """Return the additions of one row from the leaves of each tree: leaves times depth squared.

    A tree is taken to be twice as deep as a balanced one.

    >>> additions([16, 16])
    2048.0
    """
    return float(sum(count * (2 * log2(max(count, 2))) ** 2 for count in leaves))


def log_rest(scores: Floats, outputs: Integers) -> Floats:
    """Return the (n,) logarithm of the summed exponentials of the other classes' log-odds.

    Args:
        scores: (n, outputs) log-odds of every class.
        outputs: (n,) the class that is left out of each row's sum.

    >>> log_rest(np.log([[1.0, 2.0, 5.0]]), np.array([1])).round(6) == np.log(6).round(6)
    array([ True])
    """
    if scores.shape[1] == 1:
        return np.zeros(len(scores))
    others = scores.copy()
    others[np.arange(len(scores)), outputs] = -np.inf
    # the largest is taken out before exp, which overflows beyond 709, and put back after log
    most = others.max(axis=1)
    return np.asarray(most + np.log(np.exp(others - most[:, None]).sum(axis=1)))
