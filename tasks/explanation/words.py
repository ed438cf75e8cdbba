"""What a row holds and what a contribution does, as a person says it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tasks.errors import bounded
from tasks.explanation.explanation import inverse_link
from tasks.features.schema import Feature
from tasks.features.values import MISSING
from tasks.models.attribution import Scale

LONGEST = 60
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def subject(target: str, classes: Sequence[Any], output: int) -> str:
    """Say what is explained: of two classes the second, else the class, or the target itself.

    >>> subject("late", (0, 1), 0), subject("kind", ("a", "b", "c"), 2), subject("delay", (), 0)
    ('late', 'kind = c', 'delay')
    """
    if not classes:
        return target
    label = classes[1 if len(classes) == 2 else output]
    # 0 and 1 are False and True: the target's name says it
    return target if tuple(classes) == (False, True) else f"{target} = {label}"


def effect(value: float, scale: Scale, of: str, total: float | None, rest: float = 0.0) -> str:
    """Say what a contribution does.

    Of a class, it is told as the chance without it and with it, all else kept. Without a total
    (LIME, whose sum is only near the prediction) the change alone is told.

    Args:
        value, scale: the contribution, and what it is measured in.
        of: what is explained.
        total: the base and all contributions; None where they do not add up exactly.
        rest: see `Attributed`.

    >>> effect(1.0, "log-odds", "late", 0.0)
    'raises the chance of late by 23 points (27% to 50%)'
    >>> effect(-1.0, "value", "delay", 12.0)
    'lowers delay by 1'
    >>> effect(0.25, "probability", "late", None)
    'raises the chance of late by about 25 points'
    """
    verb = "lowers" if value < 0 else "raises"
    if scale == "value":
        return f"{verb} {of} by {'about ' if total is None else ''}{abs(value):.4g}"
    if total is None:
        return f"{verb} the chance of {of} by about {_points(abs(value))}"
    with_it, without = inverse_link(scale, total, rest), inverse_link(scale, total - value, rest)
    span = f"{_percent(without)} to {_percent(with_it)}"
    return f"{verb} the chance of {of} by {_points(abs(with_it - without))} ({span})"


def show_prepared(feature: Feature, values: Sequence[Any]) -> str:
    """Write what the model sees of a raw column; `values` are of its prepared columns.

    >>> show_prepared(Feature("at", "time", ("hour", "weekday")), (19.5, 4.0))
    '19:30 UTC, Friday'
    >>> show_prepared(Feature("n", "number"), (float("nan"),))
    'missing'
    >>> show_prepared(Feature("b", "boolean"), (1.0,))
    'true'
    """
    if feature.kind in ("category", "text"):
        return "missing" if values[0] == MISSING else bounded(values[0], LONGEST)
    # NaN alone differs from itself
    if values[0] != values[0]:
        return "missing"
    if feature.kind == "boolean":
        return "true" if values[0] else "false"
    if feature.kind == "number":
        return _number(values[0])
    parts = [_part(name, value) for name, value in zip(feature.parts, values, strict=False)]
    return ", ".join(parts) or ", ".join(map(_number, values))


def show_raw(value: Any) -> str:
    """Write a raw value as it came.

    >>> [show_raw(value) for value in (19.5, None, "JFK", 3.0, datetime(2013, 4, 1, 5))]
    ['19.5', 'missing', 'JFK', '3', '2013-04-01 05:00']
    """
    if value is None or value != value or value == "":  # noqa: PLR0124
        return "missing"
    if isinstance(value, datetime):
        whole = value.second == value.microsecond == 0
        zone = "" if value.tzinfo is None else f" {value.tzname()}"
        return f"{value:{'%Y-%m-%d %H:%M' if whole else '%Y-%m-%d %H:%M:%S'}}{zone}"
    if isinstance(value, bool):
        return str(value).lower()
    return _number(value) if isinstance(value, float) else bounded(value, LONGEST)


def _part(name: str, value: float) -> str:
    if name == "hour":
        minutes = round(value * 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d} UTC"
    if name == "weekday":
        return WEEKDAYS[int(value) % 7]
    return f"{name.replace('_', ' ')} {_number(value)}"


def _number(value: float) -> str:
    return f"{float(value):.6g}"


def _percent(share: float) -> str:
    # one digit more where a whole number says little, and none that would round to 10.0%
    return f"{100 * share:.1f}%" if 0.0005 <= share < 0.0995 else f"{100 * share:.0f}%"


def _points(change: float) -> str:
    return f"{100 * change:.0f} points" if change >= 0.095 else f"{100 * change:.1f} points"
