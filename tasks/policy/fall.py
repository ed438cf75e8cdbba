"""How far a metric fell, whether that is more than chance, and the sentence that says so. Pure."""

from __future__ import annotations

from tasks.policy.amounts import Amount
from tasks.policy.limits import Limits
from tasks.policy.reading import SignalReading, Value, count_text, number_or
from tasks.policy.situation import MetricValue, Situation, finite, loss


def compare_fall(
    signal: str,
    amount: Amount | None,
    now: MetricValue,
    before: MetricValue,
    situation: Situation,
    limits: Limits,
) -> SignalReading:
    """Say whether a metric fell by more than allowed, and by more than chance.

    Args:
        signal: whose reading it is.
        amount: how far it may fall; None asks for the pipeline's own limit.
        now, before: the figures to compare; their intervals tell what may be chance.
        situation, limits: the metric's direction, and the pipeline's limit.
    """
    allowed = number_or(amount, limits.drop)
    figures: dict[str, Value] = {
        **{name: finite(getattr(now, name)) for name in ("value", "low", "high")},
        **{f"reference_{name}": finite(getattr(before, name)) for name in ("value", "low", "high")},
        **{"rows": now.rows, "labelled": now.labelled, "coverage": now.coverage},
        "limit": allowed,
    }
    estimated = signal == "estimated_performance"
    subject = f"{'Estimated' if estimated else 'Live'} {now.metric}"
    on = f"on {count_text(now.rows, 'row', 'rows')}"
    on += " without labels" if estimated else f", {now.coverage:.0%} of them labelled"
    if now.unknown:
        on += f" and {count_text(now.unknown, 'row', 'rows')} more of classes it does not know"
        figures["unknown"] = now.unknown
    if not (now.known and before.known):
        whose = subject if before.known else "The reference"
        return SignalReading(signal, None, f"{whose} has no value and interval ({on}).", figures)
    upwards = situation.greater_is_better
    fallen = loss(before.value, now.value, upwards)
    # more than chance: the intervals do not touch. Two of 95 % then differ at about the 0.6 % level
    # (Schenker and Gentleman 2001), so looking at every batch raises few false alarms
    sure = now.high < before.low if upwards else now.low > before.high
    large = fallen > allowed
    where = "in its best batch" if signal == "decay" else "at the gate"
    said = (
        f"{subject} is {_shown(now)} {on}, against {_shown(before)} {where}: "
        f"{_change(fallen, allowed, large=large, sure=sure, share=not upwards)}."
    )
    return SignalReading(signal, large and sure, said, {**figures, "drop": finite(fallen)})


def _change(fallen: float, allowed: float, *, large: bool, sure: bool, share: bool) -> str:
    def amount(value: float) -> str:
        return f"{value:.1%}" if share else f"{value:.3f}"

    if fallen <= 0:
        return "no fall" if fallen == 0 else f"better by {amount(-fallen)}"
    if not large:
        return f"worse by {amount(fallen)}, within the {amount(allowed)} allowed"
    rest = "and by more than chance" if sure else "but it may be chance"
    return f"worse by {amount(fallen)}, more than the {amount(allowed)} allowed, {rest}"


def _shown(figure: MetricValue) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
