"""Amounts as people write them: durations, shares and budgets."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `5ms`, `10m` or `1d`.

    Raises:
        ValueError: it is not a number followed by ms, s, m, h, d or w, or endless.

    >>> parse_duration("10m")
    datetime.timedelta(seconds=600)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])", text.strip())
    if found is None:
        raise ValueError("a duration is a number and one of ms, s, m, h, d, w, such as 10m")
    try:
        return timedelta(seconds=float(found[1]) * UNITS[found[2]])
    # a timedelta holds a billion days; what is beyond is a slip, and no traceback
    except OverflowError:
        raise ValueError("a duration is at most some million years") from None


def parse_share(text: str | float) -> float:
    """Read a share such as `20%` or `0.2`.

    Raises:
        ValueError: it is no number, or not between 0 and 1.

    >>> parse_share("20%"), parse_share(0.2)
    (0.2, 0.2)
    """
    raw = str(text).strip()
    try:
        value = float(raw[:-1]) / 100 if raw.endswith("%") else float(raw)
    except ValueError:
        raise ValueError("a share is written 20% or 0.2") from None
    if not 0 <= value <= 1:
        raise ValueError("a share lies between 0% and 100%")
    return value


def parse_trial(text: str) -> float | None:
    """Read how a challenger is tried: `none` (None), `shadow` (0.0) or `canary 10%`.

    Raises:
        ValueError: it is none of these.

    >>> parse_trial("shadow"), parse_trial("canary 10%"), parse_trial("none")
    (0.0, 0.1, None)
    """
    word, _, amount = str(text).strip().partition(" ")
    if word == "canary" and amount:
        found = parse_share(amount)
        if found:
            return found
    elif not amount and word in ("none", "shadow"):
        return None if word == "none" else 0.0
    raise ValueError("a challenger is tried as none, shadow, or canary with a share: canary 10%")


SIZES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def parse_size(text: str) -> int:
    """Read a size such as `128 MiB` as bytes.

    Raises:
        ValueError: it is not a number followed by KiB, MiB or GiB.

    >>> parse_size("128 MiB")
    134217728
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]iB)", text.strip())
    if found is None:
        raise ValueError("a size is a number and one of KiB, MiB, GiB, such as 128 MiB")
    return int(float(found[1]) * SIZES[found[2]])


def say_bytes(count: int) -> str:
    """Say how many bytes, in the unit that a person reads.

    >>> say_bytes(917), say_bytes(1536), say_bytes(3 * 2**30)
    ('917 B', '1.5 KiB', '3.0 GiB')
    """
    unit = next((name for name in reversed(SIZES) if count >= SIZES[name]), None)
    return f"{count} B" if unit is None else f"{count / SIZES[unit]:,.1f} {unit}"


def parse_rate(text: str) -> float:
    """Read what a gain may cost, such as `60s per 0.001`: CPU seconds a unit of the metric.

    Raises:
        ValueError: it is not `DURATION per GAIN`, or one of them is zero.

    >>> round(parse_rate("60s per 0.001")), round(parse_rate("2m CPU per +0.001"))
    (60000, 120000)
    """
    length, _, gain = re.sub(r"\bCPU\b", " ", text).partition(" per ")
    try:
        seconds, gained = parse_duration(length).total_seconds(), float(gain)
    except ValueError:
        seconds, gained = 0.0, 0.0
    if not (seconds > 0 and 0 < gained < math.inf):
        raise ValueError("what a gain may cost is written CPU TIME per GAIN, such as 60s per 0.001")
    return seconds / gained


@dataclass(frozen=True)
class Budget:
    """At most `count` times in any window of this length."""

    count: int
    window: timedelta


def parse_budget(text: str) -> Budget:
    """Read a budget such as `8 per 30d`.

    Raises:
        ValueError: it is not `COUNT per DURATION`.

    >>> parse_budget("8 per 30d").count
    8
    """
    found = re.fullmatch(r"(\d+)\s+per\s+(\S+)", text.strip())
    if found is None:
        raise ValueError("a budget is written COUNT per DURATION, such as 8 per 30d")
    return Budget(int(found[1]), parse_duration(found[2]))
