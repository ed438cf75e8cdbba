"""The amounts in a policy, as people write them, and back to text. Pure.

What reads an amount raises ValueError, which says how it is written.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta

from tasks.quantities import parse_duration, parse_share

Amount = int | float | timedelta
# Microseconds a unit, the largest first: whole numbers, so a length reads back as it was written.
STEPS = (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000))
WHOLE = re.compile(r"\d+(?:_\d+)*")


def parse_batches(text: str) -> int:
    """Read a number of batches, 1 or more.

    >>> parse_batches("3 batches"), parse_batches("batch")
    (3, 1)
    """
    count = re.sub(r"\s*batch(es)?$", "", text) or "1"
    if not WHOLE.fullmatch(count) or int(count) < 1:
        raise ValueError("a number of batches is written 3 batches, with 1 or more")
    return int(count)


def parse_rows(text: str) -> int | float:
    """Read a number of rows (int), or a share of those the champion was fitted on (float).

    >>> parse_rows("50000"), parse_rows("25%")
    (50000, 0.25)
    """
    found: int | float = 0
    if WHOLE.fullmatch(text):
        found = int(text)
    elif re.fullmatch(r"\d+(\.\d+)?\s*%", text):
        found = float(text[:-1]) / 100
    # "9" * 400 + "%" is infinite as a float
    if not 0 < found < math.inf:
        raise ValueError("new rows are written 50000, or 25% of the rows the champion knows")
    return found


def parse_age(text: str) -> timedelta:
    """Read an age above zero.

    >>> parse_age("30d").days
    30
    """
    found = parse_duration(text)
    if not found:
        raise ValueError("an age is above zero, such as 30d")
    return found


def parse_part(text: str) -> float:
    """Read a share above zero.

    >>> parse_part("40%")
    0.4
    """
    found = parse_share(text)
    if not found:
        raise ValueError("a share is above 0%")
    return found


def parse_drop(text: str) -> float:
    """Read how far a metric may fall: in its own unit, or for an error as a share of it.

    >>> parse_drop("0.01"), parse_drop("5%")
    (0.01, 0.05)
    """
    try:
        found = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise ValueError("a drop is a number of at least 0, such as 0.01")
    return found


def duration_text(length: timedelta) -> str:
    """Return the text that `parse_duration` reads, in the largest unit that keeps it whole.

    >>> duration_text(timedelta(days=30)), duration_text(timedelta(hours=36))
    ('30d', '36h')
    """
    whole = length // timedelta(microseconds=1)
    for unit, size in STEPS:
        if whole % size == 0:
            return f"{whole // size}{unit}"
    thousands, rest = divmod(whole, 1000)
    return f"{thousands}.{rest:03d}".rstrip("0").rstrip(".") + "ms"


def share_text(value: float) -> str:
    """Return a share as a percentage, or as it is where that would lose digits.

    >>> share_text(0.4), share_text(0.125), share_text(1 / 3)
    ('40%', '12.5%', '0.3333333333333333')
    """
    # 0.1 + 0.2 is no 30 %: what would not read back to the same float is written in full
    text = f"{value * 100:.6g}"
    return f"{text}%" if "e" not in text and float(text) / 100 == value else repr(value)


def number_text(value: float) -> str:
    """Return a number in its shortest form that reads back the same.

    >>> number_text(0.01), number_text(2.0)
    ('0.01', '2')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))
