"""The signals: each one a function of an amount, the situation and the limits.

A reading says whether its signal fired, or None where it cannot be evaluated; it always says
why, and holds the figures. Without an amount the pipeline's limit holds; signals that have no
such limit report their figures and do not fire.

A new signal is a function here, a line in `SIGNALS`, and a case in `tests/tasks/policy/cases.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from types import MappingProxyType

from tasks.policy import amounts
from tasks.policy.amounts import Amount, duration_text, number_text, share_text
from tasks.policy.fall import compare_fall
from tasks.policy.limits import Limits
from tasks.policy.reading import (
    DAY,
    SignalReading,
    Value,
    compare_with_limit,
    count_text,
    days_text,
    number_or,
)
from tasks.policy.situation import Situation, finite

# Rows that the champion learned from have labels too, which judge nothing.
NO_LIVE = "No labels yet of rows that came after the champion's, so no live performance."
# Rows: a model that is fitted anew learns little of a class with fewer.
NEW_CLASS = 10
Reader = Callable[[Amount | None, Situation, Limits], SignalReading]


@dataclass(frozen=True)
class Signal:
    """One word of a policy: what reads the situation, and how the word is written.

    Attributes:
        reader: says whether it fires, and why.
        example: the word with an amount, as a person writes it.
        amount: reads the amount; None where the word stands alone.
        write: writes an amount so that `amount` reads it back.
        needed: the amount may not be left out.
        measured: it says something of the champion, so every decision records its reading.
    """

    reader: Reader
    example: str
    amount: Callable[[str], Amount] | None = None
    write: Callable[..., str] = number_text
    needed: bool = False
    measured: bool = True


def static(_amount: Amount | None, _situation: Situation, _limits: Limits) -> SignalReading:
    """Never fires."""
    return SignalReading("static", False, "The policy never retrains.")


def schedule(_amount: Amount | None, _situation: Situation, _limits: Limits) -> SignalReading:
    """Never fires: the schedule starts the training itself."""
    return SignalReading("schedule", False, "Only the schedule retrains.")


def every(amount: Amount | None, situation: Situation, _: Limits) -> SignalReading:
    """Fires after so many batches."""
    count = situation.batches
    arrived = f"{count_text(count, 'batch', 'batches')} arrived since the champion was fitted"
    return compare_with_limit("every", count, amount, arrived, f"of {amount}", {"batches": count})


def new_rows(amount: Amount | None, situation: Situation, _: Limits) -> SignalReading:
    """Fires after so many rows, or so large a share of those the champion was fitted on."""
    rows, fitted = situation.rows, situation.fitted_rows
    share = rows / fitted if fitted else None
    figures: dict[str, Value] = {"rows": rows, "fitted_rows": fitted, "share": share}
    of_fitted = "" if share is None else f", {share:.0%} of those it was fitted on"
    arrived = f"{count_text(rows, 'row', 'rows')} arrived since the champion was fitted{of_fitted}"
    # `parse_rows` tells the two apart by type: 1.5 is a share of 150 %, 2 is two rows
    if isinstance(amount, float):
        if share is None:
            unknown = "It is not known on how many rows it was fitted."
            return SignalReading("new_rows", None, unknown)
        return compare_with_limit("new_rows", share, amount, arrived, f"of {amount:.0%}", figures)
    wanted = "" if amount is None else f"of {amount:,}"
    return compare_with_limit("new_rows", rows, amount, arrived, wanted, figures)


def age(amount: Amount | None, situation: Situation, _: Limits) -> SignalReading:
    """Fires when the latest row that the champion was fitted on is so old."""
    # a batch of old rows may come last: an age never runs backwards
    old = max(situation.at - situation.fitted_until, timedelta(0))
    text = f"The champion knows no row of the last {days_text(old)}"
    limit = amount if isinstance(amount, timedelta) else None
    wanted = "" if limit is None else f"of {days_text(limit)}"
    days, most = old / DAY, limit and limit / DAY
    return compare_with_limit("age", days, most, text, wanted, {"days": days})


def drift(amount: Amount | None, situation: Situation, _: Limits) -> SignalReading:
    """Fires when so large a share of the columns drifted, weighted as the pipeline says."""
    found = situation.drift
    if found is None or finite(found.share) is None:
        return SignalReading(
            "drift", None, "Drift is not known: nothing was compared with the champion."
        )
    limit = number_or(amount, found.limit)
    worst = f" ({found.worst})" if found.worst else ""
    text = f"{found.share:.0%} of the features' weight drifted{worst}"
    figures: dict[str, Value] = {"share": found.share, "worst": found.worst}
    return compare_with_limit("drift", found.share, limit, text, f"of {limit:.0%}", figures)


def performance(amount: Amount | None, situation: Situation, limits: Limits) -> SignalReading:
    """Fires when the live metric fell below the gate's by more than allowed, and than chance.

    Or where so large a share of the labels is of classes that the champion cannot answer.
    """
    live, allowed = situation.live, number_or(amount, limits.drop)
    if live is None:
        return SignalReading("performance", None, NO_LIVE)
    if live.unknown >= NEW_CLASS and live.unknown_share > allowed:
        figures: dict[str, Value] = {
            **{"rows": live.rows, "labelled": live.labelled, "unknown": live.unknown},
            **{"unknown_share": live.unknown_share, "limit": allowed},
        }
        said = (
            f"{live.unknown_share:.1%} of the labels ({count_text(live.unknown, 'row', 'rows')}) "
            f"are of classes that the champion does not know, more than the {allowed:.1%} allowed."
        )
        return SignalReading("performance", True, said, figures)
    return compare_fall("performance", amount, live, situation.reference, situation, limits)


def decay(amount: Amount | None, situation: Situation, limits: Limits) -> SignalReading:
    """Fires when the live metric fell so far below its best since the champion was fitted.

    Live is compared with live, since a holdout may flatter.
    """
    known = [figure for figure in situation.recent if figure.known]
    if situation.live is None or not known:
        return SignalReading("decay", None, NO_LIVE)
    # by the worse end of the interval: the largest of many noisy values alone would be too good
    if situation.greater_is_better:
        best = max(known, key=lambda figure: figure.low)
    else:
        best = min(known, key=lambda figure: figure.high)
    return compare_fall("decay", amount, situation.live, best, situation, limits)


def estimated_performance(
    amount: Amount | None, situation: Situation, limits: Limits
) -> SignalReading:
    """Fires when the metric as estimated without labels fell below the gate's, as `performance`."""
    if situation.estimated is None:
        return SignalReading("estimated_performance", None, "Performance was not estimated.")
    now, before = situation.estimated, situation.reference
    return compare_fall("estimated_performance", amount, now, before, situation, limits)


def error_drift(_amount: Amount | None, situation: Situation, _: Limits) -> SignalReading:
    """Fires when the latest change that ADWIN found in the champion's errors was upwards."""
    errors = situation.errors
    if errors is None or not errors.rows:
        return SignalReading("error_drift", None, "No labels yet, so no errors to watch.")
    if errors.before is None or errors.after is None:
        said = f"The error is steady over {count_text(errors.rows, 'row', 'rows')}."
    else:
        way = "rose" if errors.raised else "fell"
        said = f"The mean error {way} from {errors.before:.3g} to {errors.after:.3g}."
    return SignalReading("error_drift", errors.raised, said, asdict(errors))


def quality(amount: Amount | None, situation: Situation, limits: Limits) -> SignalReading:
    """Fires when so large a share of the recent batches was refused."""
    found = situation.refused
    if found is None or not found.batches:
        return SignalReading("quality", None, "It is not known how much was refused lately.")
    limit = number_or(amount, limits.quality)
    lately = count_text(found.batches, "batch", "batches")
    text = f"{found.share:.0%} of the last {lately} was refused"
    figures: dict[str, Value] = {"share": found.share, "batches": found.batches}
    return compare_with_limit("quality", found.share, limit, text, f"of {limit:.0%}", figures)


def batches_text(count: int) -> str:
    """Return the text that `amounts.parse_batches` reads.

    >>> batches_text(1), batches_text(3)
    ('1 batch', '3 batches')
    """
    return f"{count} batch{'es' * (count > 1)}"


def rows_text(amount: float) -> str:
    """Return the text that `amounts.parse_rows` reads.

    >>> rows_text(50000), rows_text(1.5)
    ('50000', '150%')
    """
    return str(amount) if isinstance(amount, int) else f"{amount * 100:.12g}%"


# In the order in which every recorded decision tells its readings.
SIGNALS: Mapping[str, Signal] = MappingProxyType(
    {
        "static": Signal(static, "static", measured=False),
        "every": Signal(every, "every 3 batches", amounts.parse_batches, batches_text, needed=True),
        "new_rows": Signal(new_rows, "new_rows 50000", amounts.parse_rows, rows_text, needed=True),
        "age": Signal(age, "age 30d", amounts.parse_age, duration_text, needed=True),
        "schedule": Signal(schedule, "schedule", measured=False),
        "drift": Signal(drift, "drift 40%", amounts.parse_part, share_text),
        "performance": Signal(performance, "performance 0.01", amounts.parse_drop),
        "decay": Signal(decay, "decay 0.01", amounts.parse_drop),
        "estimated_performance": Signal(
            estimated_performance, "estimated_performance 0.01", amounts.parse_drop
        ),
        "error_drift": Signal(error_drift, "error_drift"),
        "quality": Signal(quality, "quality 20%", amounts.parse_part, share_text),
    }
)
MEASURED = tuple(name for name, signal in SIGNALS.items() if signal.measured)


def read_signal(
    name: str, amount: Amount | None, situation: Situation, limits: Limits
) -> SignalReading:
    """Read one signal, against the amount that a policy names or the pipeline's own limit."""
    return SIGNALS[name].reader(amount, situation, limits)
