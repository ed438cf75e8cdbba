"""The gate's rules that compare: with naive predictions, the champion, the best there was.

Every comparison is written so that a NaN fails it: a figure that is missing is no evidence.
"""

from __future__ import annotations

from tasks.config import Gate
from tasks.policy.reading import count_text
from tasks.promotion.evidence import Baseline, Evidence
from tasks.promotion.rule import Outcome, number, shown

# What no column of the row itself can mend.
SERIES = (
    "The label of the row before tells more than the columns: set `features.history`, bring "
    "earlier labels as columns of the file and of each request, or predict the change since the "
    "last one"
)


def beats_the_baselines(evidence: Evidence, gate: Gate) -> Outcome:
    """Ask that the challenger is surely better than every naive prediction."""
    score = f"{evidence.metric} {shown(evidence.score)}"
    against = ", ".join(f"{base.name} {number(base.value)}" for base in evidence.baselines)
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
        f"gain {shown(gain)} over version {champion.version} "
        f"({evidence.metric} {number(champion.score)}) on {champion.rows} rows, {champion.how}; "
        f"at least {number(least)}, low end at least {number(-tolerated)}"
    )
    # the loss may be chance, and the challenger will be fitted on newer rows than the champion
    even = gate.min_gain == 0 and gain.high >= 0
    if not (gain.value >= least or even):
        reason = f"the gain {number(gain.value)} is less than {number(least)}"
    elif not gain.low >= -tolerated:
        reason = (
            f"a loss of {number(-gain.low)} is not ruled out, more than the "
            f"{number(tolerated)} tolerated; more holdout rows would tell"
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
        f"gain {shown(gain)} over version {best.version} ({evidence.metric} "
        f"{number(best.score)}) on {best.rows} rows, {best.how}; at least {number(-limit)}"
    )
    passed = gain.value >= -limit or gain.high >= 0
    if passed:
        return Outcome(rule, True, figures, f"holds its own against version {best.version}")
    # refused, it would leave the worst of the three in service
    if evidence.champion is not None and evidence.champion.gain.low > 0:
        reason = f"under version {best.version}, and surely better than the champion"
        return Outcome(rule, True, figures, reason)
    reason = f"losses added up: {number(-gain.value)} under version {best.version}"
    return Outcome(rule, False, figures, f"{reason}, more than the {number(limit)} tolerated")


def no_slice_falls(evidence: Evidence, gate: Gate) -> Outcome:
    """Ask that no slice loses more than `max_slice_loss` (in `Evidence.unit`), beyond chance."""
    rule = "no slice falls"
    if evidence.champion is None:
        return Outcome(rule, True, "no champion", "no champion to fall behind")
    limit = gate.max_slice_loss * evidence.unit
    fallen = [
        f"{part.column}={part.value} ({count_text(part.rows, 'row', 'rows')}) {shown(part.figure)}"
        for part in evidence.slices
        if part.fell(limit)
    ]
    judged = [part for part in evidence.slices if not part.too_small]
    figures = f"{len(judged)} slices, largest loss allowed {number(limit)}"
    if judged:
        worst = min(judged, key=lambda part: part.figure.value)
        figures += f", worst {worst.column}={worst.value} {number(worst.figure.value)}"
    if len(judged) < len(evidence.slices):
        figures += f"; {len(evidence.slices) - len(judged)} too small to judge"
    reason = f"falls in {'; '.join(fallen)}" if fallen else "no slice loses more than allowed"
    return Outcome(rule, not fallen, figures, reason)


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
