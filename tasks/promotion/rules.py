"""The gate's rules: each one a function of the evidence and the pipeline's `gate` section.

Every comparison is written so that a NaN fails it: a figure that is missing is no evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tasks.config import Gate
from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.metrics import METRICS
from tasks.policy.reading import count_text
from tasks.promotion.evidence import Baseline, Evidence
from tasks.quantities import parse_duration

# ONNX computes in float32, seven digits, of which sums over trees and layers lose a few.
GOLDEN_TOLERANCE = 1e-4
MIB = 2**20
# Of the judged rows: a first model that is wrong on more of them serves nobody.
MOST_STRANGE = 0.25
# What no column of the row itself can mend.
SERIES = (
    "The label of the row before tells more than the columns: set `features.history`, bring "
    "earlier labels as columns of the file and of each request, or predict the change since the "
    "last one"
)
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


@dataclass(frozen=True)
class Outcome:
    """What one rule said: its figures always, its reason as a sentence.

    Of a rule that did not pass, `warns` says that it only warns, and `keys` what in the pipeline
    file would let it through.
    """

    rule: str
    passed: bool
    figures: str
    reason: str
    warns: bool = False
    keys: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        return "passed" if self.passed else "warning" if self.warns else "failed"


Rule = Callable[[Evidence, Gate], Outcome]


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


def beats_the_baselines(evidence: Evidence, gate: Gate) -> Outcome:
    """Ask that the challenger is surely better than every naive prediction."""
    score = f"{evidence.metric} {_shown(evidence.score)}"
    against = ", ".join(f"{base.name} {_number(base.value)}" for base in evidence.baselines)
    unbeaten = tuple(base.name for base in evidence.baselines if not _beaten(base, evidence))
    if not evidence.baselines:
        reason = "no naive baseline was computed, so none was beaten"
    elif unbeaten:
        reason = (
            f"{score} is not surely better than {', '.join(unbeaten)} "
            f"at {gate.confidence:.0%} confidence ({against})"
        )
        # one that is ahead of the columns, not one that they are merely not surely ahead of
        ahead = (base.name for base in evidence.baselines if _ahead(base, evidence))
        reason += f". {SERIES}" if "last_value" in ahead else ""
    else:
        reason = "better than every naive baseline"
    passed = bool(evidence.baselines) and not unbeaten
    return Outcome("beats the naive baselines", passed, f"{score}; {against or 'none'}", reason)


def not_worse_than_the_champion(evidence: Evidence, gate: Gate) -> Outcome:
    """Ask that the challenger gains `min_gain`, and that a loss is ruled out.

    Two conditions on the paired gain over the same rows: its value is at least `min_gain`, and
    the low end of its interval is at least -`max_slice_loss`, the loss the pipeline tolerates
    anywhere (the whole holdout is a slice too). Both are multiples of `Evidence.unit`.

    This is a non-inferiority test by the paired bootstrap interval: Wellek, Testing Statistical
    Hypotheses of Equivalence and Noninferiority, 2010.
    """
    rule = "not worse than the champion"
    champion = evidence.champion
    if champion is None:
        return Outcome(rule, True, "no champion", "no champion is in service yet")
    least, tolerated = gate.min_gain * evidence.unit, gate.max_slice_loss * evidence.unit
    gain = champion.gain
    figures = (
        f"gain {_shown(gain)} over version {champion.version} "
        f"({evidence.metric} {_number(champion.score)}) on {champion.rows} rows, {champion.how}; "
        f"at least {_number(least)}, low end at least {_number(-tolerated)}"
    )
    # the loss may be chance, and the challenger will be fitted on newer rows than the champion
    even = gate.min_gain == 0 and gain.high >= 0
    if not (gain.value >= least or even):
        reason = f"the gain {_number(gain.value)} is less than {_number(least)}"
    elif not gain.low >= -tolerated:
        reason = (
            f"a loss of {_number(-gain.low)} is not ruled out, more than the "
            f"{_number(tolerated)} tolerated; more holdout rows would tell"
        )
    else:
        return Outcome(rule, True, figures, f"holds its own against version {champion.version}")
    return Outcome(rule, False, figures, f"against version {champion.version}: {reason}")


def not_worse_than_the_best_before(evidence: Evidence, gate: Gate) -> Outcome:
    """Ask that small losses do not add up: not surely worse than the best version there was.

    That is the version from which on the recorded gains sum up to a loss. It fails where that loss
    is more than `max_slice_loss` (in `Evidence.unit`) on the same rows, and more than chance. What
    is surely better than the champion makes up for a loss, and passes.
    """
    rule, best = "not worse than the best before", evidence.best
    if best is None:
        return Outcome(rule, True, "none", "no earlier version that can be compared did better")
    limit, gain = gate.max_slice_loss * evidence.unit, best.gain
    figures = (
        f"gain {_shown(gain)} over version {best.version} ({evidence.metric} "
        f"{_number(best.score)}) on {best.rows} rows, {best.how}; at least {_number(-limit)}"
    )
    passed = gain.value >= -limit or gain.high >= 0
    if passed:
        return Outcome(rule, True, figures, f"holds its own against version {best.version}")
    # refused, it would leave the worst of the three in service
    if evidence.champion is not None and evidence.champion.gain.low > 0:
        reason = f"under version {best.version}, and surely better than the champion"
        return Outcome(rule, True, figures, reason)
    reason = f"losses added up: {_number(-gain.value)} under version {best.version}"
    return Outcome(rule, False, figures, f"{reason}, more than the {_number(limit)} tolerated")


def no_slice_falls(evidence: Evidence, gate: Gate) -> Outcome:
    """Ask that no slice loses more than `max_slice_loss` (in `Evidence.unit`), beyond chance."""
    rule = "no slice falls"
    if evidence.champion is None:
        return Outcome(rule, True, "no champion", "no champion to fall behind")
    limit = gate.max_slice_loss * evidence.unit
    fallen = [
        f"{part.column}={part.value} ({count_text(part.rows, 'row', 'rows')}) {_shown(part.figure)}"
        for part in evidence.slices
        if part.fell(limit)
    ]
    judged = [part for part in evidence.slices if not part.too_small]
    figures = f"{len(judged)} slices, largest loss allowed {_number(limit)}"
    if judged:
        worst = min(judged, key=lambda part: part.figure.value)
        figures += f", worst {worst.column}={worst.value} {_number(worst.figure.value)}"
    if len(judged) < len(evidence.slices):
        figures += f"; {len(evidence.slices) - len(judged)} too small to judge"
    reason = f"falls in {'; '.join(fallen)}" if fallen else "no slice loses more than allowed"
    return Outcome(rule, not fallen, figures, reason)


def calibrated(evidence: Evidence, gate: Gate) -> Outcome:
    """Ask that what is predicted is, on average, what happens."""
    error, most = evidence.calibration_error, gate.max_calibration_error
    figures = f"error {_number(error)}, at most {_number(most)}"
    reason = "predictions can be taken at their word"
    both = None if evidence.champion is None else evidence.champion.calibration
    passed = error <= most
    # as large as the champion's on the same rows: the world has moved, and to keep it mends nothing
    if not passed and both is not None:
        ours, theirs = both
        figures += f"; on the compared rows {_number(ours)}, the champion's {_number(theirs)}"
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


def worse_than(evidence: Evidence) -> tuple[str, ...]:
    """Return the naive baselines that the challenger's own figure does not beat."""
    return tuple(base.name for base in evidence.baselines if not _better(base, evidence))


def _beaten(base: Baseline, evidence: Evidence) -> bool:
    if base.gain is not None:
        return base.gain.low > 0
    # unpaired, which is stricter: the worse end of the challenger's own interval
    if evidence.greater_is_better:
        return evidence.score.low > base.value
    return evidence.score.high < base.value


def _better(base: Baseline, evidence: Evidence) -> bool:
    if base.gain is not None:
        return base.gain.value > 0 and base.gain.high > 0
    if evidence.greater_is_better:
        return evidence.score.value > base.value
    return evidence.score.value < base.value


def _ahead(base: Baseline, evidence: Evidence) -> bool:
    if evidence.greater_is_better:
        return base.value > evidence.score.value
    return base.value < evidence.score.value


def _number(value: float) -> str:
    return f"{value:.4g}"


def _shown(interval: Interval) -> str:
    return f"{interval.value:.4g} [{interval.low:.4g}, {interval.high:.4g}]"
