"""An isotonic curve from stated to observed probabilities, used only where it helps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.arrays import Floats
from tasks.estimation.bins import Bins

FOLDS = 5
# Of 200 rows a fold learns three knots; of fewer there is no curve to speak of.
FEWEST = 200
MOST_KNOTS = 200
ROWS_A_KNOT = 50


@dataclass(frozen=True)
class Curve:
    """A rising curve through (`stated`, `observed`) points, flat beyond its ends."""

    stated: tuple[float, ...]
    observed: tuple[float, ...]

    @classmethod
    def through(cls, stated: Floats, happened: Floats) -> Curve:
        """Fit (n,) stated probabilities to (n,) outcomes, 0 or 1 (Zadrozny and Elkan 2002)."""
        from sklearn.isotonic import IsotonicRegression

        # of means of about 50 rows: single rows would put the ends at exactly 0 and 1, which
        # nothing is
        bins = Bins.cut(stated, ROWS_A_KNOT, MOST_KNOTS)
        counts = np.array(bins.counts)
        said, came = (bins.sums(stated, weights) / counts for weights in (stated, happened))
        # weighted by rows: equal probabilities lie in one bin, so bins differ in size
        curve = IsotonicRegression().fit(said, came, sample_weight=counts)
        return cls(tuple(curve.X_thresholds_.tolist()), tuple(curve.y_thresholds_.tolist()))

    def __call__(self, stated: Floats) -> Floats:
        """Return the observed probability of (n,) stated ones.

        >>> Curve((0.2, 0.6), (0.1, 0.3))(np.array([0.0, 0.4, 0.9])).tolist()
        [0.1, 0.2, 0.3]
        """
        # flat beyond the ends: the holdout knows nothing further out
        return np.interp(stated, self.stated, self.observed)


def fit_curves(stated: Floats, happened: Floats, seed: int) -> tuple[Curve, ...]:
    """Return a curve a class, or none where they do not improve the Brier score out of fold.

    Args:
        stated, happened: (n, k) probabilities, and indicators of the labels.
        seed: of the folds.
    """
    if len(stated) < FEWEST:
        return ()
    fold = np.random.default_rng(seed).permutation(len(stated)) % FOLDS
    gain = np.empty(len(stated))
    for number in range(FOLDS):
        rest, held = fold != number, fold == number
        made = straighten(stated[held], _each(stated[rest], happened[rest]))
        before, after = stated[held] - happened[held], made - happened[held]
        gain[held] = (before**2).sum(axis=1) - (after**2).sum(axis=1)
    # beyond one standard error: curves that are not surely better only add their own noise
    better = gain.mean() > gain.std() / np.sqrt(len(gain))
    return _each(stated, happened) if better else ()


def straighten(stated: Floats, curves: tuple[Curve, ...]) -> Floats:
    """Return (n, k) probabilities read through the curves, each row's sum 1 again."""
    if not curves:
        return stated
    if len(curves) == 1:
        second = curves[0](stated[:, 1])
        return np.column_stack([1 - second, second])
    read = np.column_stack([curve(column) for curve, column in zip(curves, stated.T, strict=True)])
    total = read.sum(axis=1, keepdims=True)
    # curves of single classes may all be zero in a row: its stated probabilities stand then
    made: Floats = np.where(total > 0, read / np.where(total > 0, total, 1), stated)
    return made


def _each(stated: Floats, happened: Floats) -> tuple[Curve, ...]:
    """One curve serves two classes: that of class 1."""
    places = [1] if stated.shape[1] == 2 else range(stated.shape[1])
    return tuple(Curve.through(stated[:, place], happened[:, place]) for place in places)
