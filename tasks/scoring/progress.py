"""How far a scoring is, in one line. Pure."""

from __future__ import annotations


def say_progress(rows: int, total: int | None, fresh: int, seconds: float) -> str:
    """Say how many rows are done, and how fast the `fresh` ones of this process were.

    >>> say_progress(2_500_000, 10_000_000, 2_500_000, 5.0)
    '25% scored: 2,500,000 of 10,000,000 rows, 500,000 a second'
    >>> say_progress(1_000, None, 0, 0.0)
    '1,000 rows scored'
    """
    pace = f", {fresh / seconds:,.0f} a second" if seconds > 0 and fresh else ""
    # CSV and JSON lines do not say how many rows they hold
    if not total:
        return f"{rows:,} rows scored{pace}"
    return f"{rows * 100 // total}% scored: {rows:,} of {total:,} rows{pace}"
