"""What a signal answers with, and the words its sentences are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from tasks.policy.amounts import Amount

Value = bool | float | int | str | None
DAY = timedelta(days=1)


@dataclass(frozen=True)
class SignalReading:
    """What one signal says: fired or not, None where it cannot be evaluated."""

    signal: str
    fired: bool | None
    said: str
    figures: Mapping[str, Value] = field(default_factory=dict)


def compare_with_limit(
    signal: str,
    now: float,
    limit: Amount | None,
    text: str,
    wanted: str,
    figures: Mapping[str, Value],
) -> SignalReading:
    """Return the reading of a signal that fires from `limit` on; without one it does not.

    Args:
        signal: whose reading it is.
        now: what is compared, in the unit of the limit.
        limit: from which it fires, itself included.
        text: what is the case, in words.
        wanted: the limit in words.
        figures: what the reading keeps beside the limit.
    """
    if not isinstance(limit, int | float):
        return SignalReading(signal, False, f"{text}; no limit is set.", figures)
    # the limit itself fires: "every 3 batches" retrains after the third
    fired = now >= limit
    said = f"{text}: {'the limit' if fired else 'under the limit'} {wanted}{' is reached' * fired}."
    return SignalReading(signal, fired, said, {**figures, "limit": limit})


def number_or(amount: Amount | None, default: float) -> float:
    """Return the amount where it is a number, else the default."""
    return amount if isinstance(amount, int | float) else default


def days_text(length: timedelta) -> str:
    """Return a length of time for a sentence.

    >>> days_text(timedelta(days=30)), days_text(timedelta(hours=5)), days_text(timedelta(days=1))
    ('30 days', '5 hours', '1 day')
    """
    unit, size = ("day", DAY) if length >= DAY else ("hour", timedelta(hours=1))
    amount = f"{length / size:.3g}"
    return f"{amount} {unit}{'' if amount == '1' else 's'}"


def count_text(count: int, one: str, many: str) -> str:
    """Return a count with its noun.

    >>> count_text(1, "row", "rows"), count_text(1200, "row", "rows")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {one if count == 1 else many}"
