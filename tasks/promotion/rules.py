"""The gate's rules in their order, with those that ask the challenger alone.

Each is a function of the evidence and the pipeline's `gate` section.

Every comparison is written so that a NaN fails it: a figure that is missing is no evidence.
"""

from __future__ import annotations

from collections.abc import Mapping

from tasks.config import Gate
from tasks.evaluation.metrics import METRICS
from tasks.promotion.comparisons import (
    beats_the_baselines,
    no_slice_falls,
    not_worse_than_the_best_before,
    not_worse_than_the_champion,
    worse_than,
)
from tasks.promotion.evidence import Evidence
from tasks.promotion.rule import Outcome, Rule, number
from tasks.quantities import parse_duration

# ONNX computes in float32, seven digits, of which sums over trees and layers lose a few.
GOLDEN_TOLERANCE = 1e-4
MIB = 2**20
# Of the judged rows: a first model that is wrong on more of them serves nobody.
MOST_STRANGE = 0.25
# What a large calibration error means, and what mends it: of values, and of probabilities.
ONE_SIDED = (
    "On average the predictions lie too high or too low, by so many standard deviations of the "
    "target. Where its level has moved, newer rows or a shorter `training.window` mend it"
)
OVERSTATED = (
    "What it states as probabilities is off by so much on average (0.1 is ten percentage points), "
    "though it may rank rows well. More or newer rows mend it, or another family under `families`"
)
# The champion's calibration error is an estimate too: up to a tenth more is no worse.
AS_WELL = 1.1


def enough_rows(evidence: Evidence, gate: Gate) -> Outcome:
    """Ask for at least `min_rows` judged rows: of the holdout, or out of the folds."""
    figures = f"{evidence.rows} rows, at least {gate.min_rows} needed"
    passed = evidence.rows >= gate.min_rows
    if not evidence.folds:
        told = "the holdout is large enough" if passed else f"the holdout is too small: {figures}"
        return Outcome("enough rows", passed, figures, told)
    figures = f"{figures}; cross-validation, {evidence.folds} folds"
    reason = "enough rows were judged" if passed else f"too few rows were judged: {figures}"
    return Outcome("enough rows", passed, figures, reason)


def knows_the_classes(evidence: Evidence, _: Gate) -> Outcome:
    """Ask that a first model can be right on most rows: it knows the classes of the latest ones.

    A champion is as blind to a class that only now appeared, and would stay longer by a refusal.
    """
    rule, strange, every = "knows the classes", evidence.strange, evidence.rows + evidence.strange
    if not strange:
        return Outcome(rule, True, "no class that came later", "it knows the class of every row")
    share = strange / every
    figures = (
        f"{strange:,} of {every:,} rows ({share:.1%}) are of classes that came after the rows it "
        f"was fitted on; its figures stand on the other {evidence.rows:,}, at most "
        f"{MOST_STRANGE:.0%} may be"
    )
    passed = share <= MOST_STRANGE or evidence.champion is not None
    reason = "it knows the classes of most rows" if passed else f"too many new classes: {figures}"
    return Outcome(rule, passed, figures, reason)


def calibrated(evidence: Evidence, gate: Gate) -> Outcome:
    """Ask that what is predicted is, on average, what happens."""
    error, most = evidence.calibration_error, gate.max_calibration_error
    figures = f"error {number(error)}, at most {number(most)}"
    reason = "predictions can be taken at their word"
    both = None if evidence.champion is None else evidence.champion.calibration
    passed = error <= most
    # as large as the champion's on the same rows: the world has moved, and to keep it mends nothing
    if not passed and both is not None:
        ours, theirs = both
        figures += f"; on the compared rows {number(ours)}, the champion's {number(theirs)}"
        passed = ours <= AS_WELL * theirs
        reason = "over the limit, and no worse than the champion's"
    if not passed:
        values = "regression" in METRICS[evidence.metric].tasks
        reason = f"badly calibrated: {figures}. {ONE_SIDED if values else OVERSTATED}"
    return Outcome("calibrated", passed, figures, reason)


def answers_as_fitted(evidence: Evidence, _: Gate) -> Outcome:
    """Ask that the exported model gives the fitted model's answers on the golden rows."""
    difference = evidence.golden_difference
    figures = f"largest difference {difference:.1e}, at most {GOLDEN_TOLERANCE:.0e}"
    passed = difference <= GOLDEN_TOLERANCE
    reason = "the exported model is the fitted one" if passed else f"the export differs: {figures}"
    return Outcome("answers as the fitted model", passed, figures, reason)


def in_budget(evidence: Evidence, gate: Gate) -> Outcome:
    """Ask that one row is answered in time, and that the model is small enough to load."""
    longest, largest = parse_duration(gate.latency_p99).total_seconds(), gate.max_size_mib
    size = evidence.size / MIB
    latency = f"p99 {evidence.latency * 1000:.3g} ms of {gate.latency_p99}"
    room = f"{size:.3g} MiB of {largest:g} MiB"
    checks = ((latency, evidence.latency <= longest), (room, size <= largest))
    over = [text for text, fits in checks if not fits]
    reason = f"over budget: {'; '.join(over)}" if over else "fast and small enough"
    return Outcome("latency and size in budget", not over, f"{latency}; {room}", reason)


RULES: tuple[Rule, ...] = (
    enough_rows,
    knows_the_classes,
    beats_the_baselines,
    not_worse_than_the_champion,
    not_worse_than_the_best_before,
    no_slice_falls,
    calibrated,
    answers_as_fitted,
    in_budget,
)
# What in the pipeline file sets a rule's limit; the others have none.
KEYS: Mapping[str, tuple[str, ...]] = {
    "enough rows": ("gate.min_rows",),
    "not worse than the champion": ("gate.min_gain", "gate.max_slice_loss"),
    "not worse than the best before": ("gate.max_slice_loss",),
    "no slice falls": ("gate.slices", "gate.max_slice_loss"),
    "calibrated": ("gate.max_calibration_error",),
    "latency and size in budget": ("gate.latency_p99", "gate.max_size_mib"),
}


def may_warn(outcome: Outcome, evidence: Evidence) -> bool:
    """Say whether a rule that failed may be a warning for a first model (`gate.first: lenient`).

    It has to do better than every naive baseline, though not surely, and its export has to be the
    model that was judged.
    """
    if evidence.champion is not None or outcome.rule == "answers as the fitted model":
        return False
    if outcome.rule != "beats the naive baselines":
        return True
    return bool(evidence.baselines) and not worse_than(evidence)
