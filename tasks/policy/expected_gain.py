"""What a retraining would buy, judged by what the past ones bought."""

from __future__ import annotations

import math
from collections.abc import Sequence

LATEST = 5
DROP_WEIGHT = 2


def expected_gain(past: Sequence[float], drop: float | None) -> float | None:
    """Return the expected gain of a retraining, or None where none was measured before.

    The mean of the latest gains, shrunk to the drop that is measured now, which counts as much
    as two past retrainings: what was lost is about what there is to win back, and a champion
    that falls apart is worth a retraining although the last ones brought nothing. A drop below
    zero counts as none. This is the posterior mean of a normal mean with a prior at the drop
    (Gelman et al., Bayesian Data Analysis, section 2.5) with the weights fixed.

    Args:
        past: gains of past retrainings measured afterwards, the new model against the old one
            on the same later rows, oldest first; in the metric's unit, or for an error as a
            share of it. Gains that are no numbers are left out.
        drop: how much worse the champion is now than at its gate, in the same unit; None or
            NaN where no label tells.

    >>> expected_gain([0.02, 0.04], 0.0)
    0.015
    >>> expected_gain([0.02, 0.04], None)
    0.03
    >>> expected_gain([], 0.1) is None
    True
    """
    known = [gain for gain in past if math.isfinite(gain)][-LATEST:]
    if not known:
        return None
    if drop is None or not math.isfinite(drop):
        return sum(known) / len(known)
    return (sum(known) + DROP_WEIGHT * max(0.0, drop)) / (len(known) + DROP_WEIGHT)
