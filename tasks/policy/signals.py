"""The signals: each one a function of an amount, the situation and the limits.

A reading says whether its signal fired, or None where it cannot be evaluated; it always says
why, and holds the figures. Without an amount the pipeline's limit holds; signals that have no
such limit report their figures and do not fire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta

from tasks.policy.amounts import Amount
from tasks.policy.limits import Limits
from tasks.policy.policy import Leaf
from tasks.policy.reading import DAY, Reading, Value, against, counted, days, number
from tasks.policy.situation import ErrorChange, Figure, Situation, finite, loss

Reader = Callable[[Amount | None, Situation, Limits], Reading]


def static(_amount: Amount | None, _situation: Situation, _limits: Limits) -> Reading:
    """Never fires."""
    return Reading("static", False, "The policy never retrains.")


def schedule(_amount: Amount | None, _situation: Situation, _limits: Limits) -> Reading:
    """Never fires: the schedule starts the training itself."""
    return Reading("schedule", False, "Only the schedule retrains.")


def every(amount: Amount | None, situation: Situation, _: Limits) -> Reading:
    """Fires after so many batches."""
    count = situation.batches
    arrived = f"{counted(count, 'batch', 'batches')} arrived since the champion was fitted"
    return against("every", count, amount, arrived, f"of {amount}", {"batches": count})


def new_rows(amount: Amount | None, situation: Situation, _: Limits) -> Reading:
    """Fires after so many rows, or so large a share of those the champion was fitted on."""
    rows, fitted = situation.rows, situation.fitted_rows
    share = rows / fitted if fitted else None
    figures: dict[str, Value] = {"rows": rows, "fitted_rows": fitted, "share": share}
    of_fitted = "" if share is None else f", {share:.0%} of those it was fitted on"
    arrived = f"{counted(rows, 'row', 'rows')} arrived since the champion was fitted{of_fitted}"
    if isinstance(amount, float):
        if share is None:
            return Reading("new_rows", None, "It is not known on how many rows it was fitted.")
        return against("new_rows", share, amount, arrived, f"of {amount:.0%}", figures)
    wanted = "" if amount is None else f"of {amount:,}"
    return against("new_rows", rows, amount, arrived, wanted, figures)


def age(amount: Amount | None, situation: Situation, _: Limits) -> Reading:
    """Fires when the latest row that the champion was fitted on is so old."""
    old = max(situation.at - situation.fitted_until, timedelta(0))
    figures: dict[str, Value] = {"days": old / DAY}
    text = f"The champion knows no row of the last {days(old)}"
    limit = amount if isinstance(amount, timedelta) else None
    wanted = "" if limit is None else f"of {days(limit)}"
    return against("age", old / DAY, limit and limit / DAY, text, wanted, figures)


def drift(amount: Amount | None, situation: Situation, _: Limits) -> Reading:
    """Fires when so large a share of the columns drifted, weighted as the pipeline says."""
    found = situation.drift
    if found is None or finite(found.share) is None:
        return Reading("drift", None, "Drift is not known: nothing was compared with the champion.")
    limit = number(amount, found.limit)
    worst = f" ({found.worst})" if found.worst else ""
    text = f"{found.share:.0%} of the features' weight drifted{worst}"
    figures: dict[str, Value] = {"share": found.share, "worst": found.worst}
    return against("drift", found.share, limit, text, f"of {limit:.0%}", figures)


def performance(amount: Amount | None, situation: Situation, limits: Limits) -> Reading:
    """Fires when the live metric fell below the gate's by more than allowed, and than chance.

    More than chance: the better end of the live interval is worse than the worse end of the
    gate's. Two 95 % intervals that do not touch differ at about the 0.6 % level (Schenker and
    Gentleman, On judging the significance of differences by examining the overlap, 2001), so
    looking at every batch raises few false alarms.
    """
    if situation.live is None:
        return Reading("performance", None, "No labels yet, so no live performance.")
    return _fall("performance", amount, situation.live, situation.reference, situation, limits)


def decay(amount: Amount | None, situation: Situation, limits: Limits) -> Reading:
    """Fires when the live metric fell so far below its best since the champion was fitted.

    Live is compared with live, since a holdout may flatter. The best is the batch whose worse
    end is the best: the largest of many noisy values alone would be too good.
    """
    known = [one for one in situation.recent if one.known]
    if situation.live is None or not known:
        return Reading("decay", None, "No labels yet, so no live performance.")
    if situation.greater_is_better:
        best = max(known, key=lambda one: one.low)
    else:
        best = min(known, key=lambda one: one.high)
    return _fall("decay", amount, situation.live, best, situation, limits)


def estimated_performance(amount: Amount | None, situation: Situation, limits: Limits) -> Reading:
    """Fires when the metric as estimated without labels fell below the gate's, as `performance`."""
    if situation.estimated is None:
        return Reading("estimated_performance", None, "Performance was not estimated.")
    now, before = situation.estimated, situation.reference
    return _fall("estimated_performance", amount, now, before, situation, limits)


def error_drift(_amount: Amount | None, situation: Situation, _: Limits) -> Reading:
    """Fires when the latest change that ADWIN found in the champion's errors was upwards."""
    errors = situation.errors
    if errors is None or (not isinstance(errors, ErrorChange) and len(errors) == 0):
        return Reading("error_drift", None, "No labels yet, so no errors to watch.")
    if not isinstance(errors, ErrorChange):
        from tasks.policy.detectors import watched

        errors = watched(errors)
    if not errors.rows:
        return Reading("error_drift", None, "No labels yet, so no errors to watch.")
    figures: dict[str, Value] = asdict(errors)
    if errors.before is None or errors.after is None:
        said = f"The error is steady over {counted(errors.rows, 'row', 'rows')}."
    else:
        way = "rose" if errors.raised else "fell"
        said = f"The mean error {way} from {errors.before:.3g} to {errors.after:.3g}."
    return Reading("error_drift", errors.raised, said, figures)


def quality(amount: Amount | None, situation: Situation, limits: Limits) -> Reading:
    """Fires when so large a share of the recent batches was refused."""
    found = situation.refused
    if found is None or not found.batches:
        return Reading("quality", None, "It is not known how much was refused lately.")
    limit = amount if isinstance(amount, float) else limits.quality
    text = f"{found.share:.0%} of the last {counted(found.batches, 'batch', 'batches')} was refused"
    figures: dict[str, Value] = {"share": found.share, "batches": found.batches}
    return against("quality", found.share, limit, text, f"of {limit:.0%}", figures)


READERS: Mapping[str, Reader] = {
    "static": static,
    "every": every,
    "new_rows": new_rows,
    "age": age,
    "schedule": schedule,
    "drift": drift,
    "performance": performance,
    "decay": decay,
    "estimated_performance": estimated_performance,
    "error_drift": error_drift,
    "quality": quality,
}
MEASURED = tuple(name for name in READERS if name not in ("static", "schedule"))


def read(leaf: Leaf, situation: Situation, limits: Limits) -> Reading:
    """Read one signal of a policy."""
    return READERS[leaf.signal](leaf.amount, situation, limits)


def _fall(
    signal: str,
    amount: Amount | None,
    now: Figure,
    before: Figure,
    situation: Situation,
    limits: Limits,
) -> Reading:
    allowed = number(amount, limits.drop)
    figures: dict[str, Value] = {
        **{name: finite(getattr(now, name)) for name in ("value", "low", "high")},
        **{f"reference_{name}": finite(getattr(before, name)) for name in ("value", "low", "high")},
        **{"rows": now.rows, "labelled": now.labelled, "coverage": now.coverage},
        "limit": allowed,
    }
    estimated = signal == "estimated_performance"
    subject = f"{'Estimated' if estimated else 'Live'} {now.metric}"
    on = f"on {counted(now.rows, 'row', 'rows')}"
    on += " without labels" if estimated else f", {now.coverage:.0%} of them labelled"
    if not (now.known and before.known):
        whose = subject if before.known else "The reference"
        return Reading(signal, None, f"{whose} has no value and interval ({on}).", figures)
    upwards = situation.greater_is_better
    fallen = loss(before.value, now.value, upwards)
    sure = now.high < before.low if upwards else now.low > before.high
    large = fallen > allowed
    where = "in its best batch" if signal == "decay" else "at the gate"
    said = (
        f"{subject} is {_shown(now)} {on}, against {_shown(before)} {where}: "
        f"{_change(fallen, allowed, large=large, sure=sure, share=not upwards)}."
    )
    return Reading(signal, large and sure, said, {**figures, "drop": finite(fallen)})


def _change(fallen: float, allowed: float, *, large: bool, sure: bool, share: bool) -> str:
    def amount(value: float) -> str:
        return f"{value:.1%}" if share else f"{value:.3f}"

    if fallen <= 0:
        return "no fall" if fallen == 0 else f"better by {amount(-fallen)}"
    if not large:
        return f"worse by {amount(fallen)}, within the {amount(allowed)} allowed"
    rest = "and by more than chance" if sure else "but it may be chance"
    return f"worse by {amount(fallen)}, more than the {amount(allowed)} allowed, {rest}"


def _shown(figure: Figure) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
