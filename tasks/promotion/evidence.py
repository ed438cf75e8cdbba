"""What the gate looks at. Pure values, gathered by the training flow."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.slices import Slice
from tasks.policy.situation import unit
from tasks.records import MaybeNaN


@dataclass(frozen=True)
class Baseline:
    """A naive prediction's metric on the judged rows, and the challenger's paired gain over it.

    Without `gain` the challenger's own interval is held against `value`, which is stricter.
    """

    name: str
    value: float
    gain: Interval | None = None


@dataclass(frozen=True)
class Comparison:
    """Challenger against an earlier version on the same rows, none of which either was fitted on.

    `score` is the earlier one's metric on them; `gain` is positive where the challenger is better,
    whatever the metric's direction; `how` says which rows they are; `calibration` holds the
    challenger's and the earlier one's calibration error on them, where it is known.
    """

    version: int
    rows: int
    score: MaybeNaN
    gain: Interval
    how: str = "the same holdout rows"
    calibration: tuple[MaybeNaN, MaybeNaN] | None = None


@dataclass(frozen=True)
class Evidence:
    """The figures of one challenger on the holdout, or out of the folds of a cross-validation.

    Attributes:
        rows: how many were judged.
        metric, greater_is_better: what decides, and its direction.
        baselines: the naive predictions it must beat; none at all does not pass.
        champion: the comparison, or None where no champion is in service.
        slices: the gain over the champion by slice; empty without a champion.
        calibration_error: expected calibration error, 0 to 1; for regression the size of the
            mean error as a share of the target's standard deviation.
        golden_difference: largest difference between exported and fitted model, as
            `golden.difference` measures it.
        latency: p99 of one row through the runtime that serves, in CPU seconds.
        size: bytes of what serving loads.
        folds: of the cross-validation; 0 where rows were held out.
        strange: rows that could not be judged, being of classes that no training row has.
        best: the comparison with the best version before the champion; None where none was better,
            or none can be compared.
    """

    rows: int
    metric: str
    greater_is_better: bool
    score: Interval
    baselines: tuple[Baseline, ...]
    champion: Comparison | None
    slices: tuple[Slice, ...]
    calibration_error: float
    golden_difference: float
    latency: float
    size: int
    folds: int = 0
    strange: int = 0
    best: Comparison | None = None

    @property
    def unit(self) -> float:
        """What the gate's `min_gain` and `max_slice_loss` are multiples of."""
        # AUC, accuracy and R² have a scale of their own. Errors (RMSE, log loss) have none in
        # common: there the thresholds are shares of the champion's error on the compared rows.
        return unit(self.champion.score if self.champion else 1.0, self.greater_is_better)
