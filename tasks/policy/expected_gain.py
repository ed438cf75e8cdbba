"""What a retraining would buy, judged by what the past ones bought."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tasks.policy.situation import unit

# Of models that served lately; older ones met another world.
LATEST = 5
# The drop counts as two past retrainings: what was lost is about what there is to win back, and a
# champion that falls apart is worth one although the last ones brought nothing.
DROP_WEIGHT = 2


def expected_gain(past: Sequence[float], drop: float | None) -> float | None:
    """Return the expected gain of a retraining, or None where none was measured before.

    The mean of the latest gains, shrunk to the drop that is measured now: the posterior mean of a
    normal mean with a prior at the drop (Gelman et al., Bayesian Data Analysis, section 2.5).

    Args:
        past: what each past retraining bought, oldest first, see `realised_gain`.
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


def expected_cost(past: Sequence[float]) -> float | None:
    """Return the CPU seconds that a retraining is expected to take: the mean of the latest.

    >>> expected_cost([500.0, 60.0, 70.0, 80.0, 70.0, 70.0])
    70.0
    >>> expected_cost([]) is None
    True
    """
    known = [seconds for seconds in past if math.isfinite(seconds)][-LATEST:]
    return sum(known) / len(known) if known else None


def realised_gain(gate: float | None, later: Sequence[float]) -> float | None:
    """Return what one retraining bought: in the metric's unit, for an error as a share of it.

    The mean gain on the later batches that the new model met in service, each against the model
    it replaced on the same rows; until one has a label, and where the gate kept the new model out
    of service, the gain that the gate measured. None where neither was.

    >>> realised_gain(0.05, [0.01, 0.03, float("nan")])
    0.02
    >>> realised_gain(0.05, []), realised_gain(None, [])
    (0.05, None)
    """
    # tested on rows before anybody learns from them, so later rows win over the gate's holdout
    known = [gain for gain in later if math.isfinite(gain)]
    return sum(known) / len(known) if known else gate


def relative_gain(gain: float, before: float, greater_is_better: bool) -> float:
    """Return a gain in the unit of `realised_gain`: as it is, or as a share of the replaced error.

    >>> relative_gain(0.02, 0.7, True), relative_gain(5.0, 100.0, False)
    (0.02, 0.05)
    """
    size = unit(before, greater_is_better)
    return gain / size if size else math.nan
