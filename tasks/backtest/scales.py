"""Scales, ticks and places for labels on a drawing. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LETTER, LINE, GAP = 6.6, 15.0, 7.0
STEPS = (0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 4.0, -4.0, 5.0, -5.0, 6.0, -6.0, 8.0, -8.0)


@dataclass(frozen=True)
class Scale:
    """A straight line from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """
        >>> Scale(0, 10, 100, 0)(5)
        50.0
        """
        part = (value - self.low) / (self.high - self.low)
        return round(self.start + part * (self.end - self.start), 2)


def scale(values: Sequence[float], start: float, end: float, room: float = 0.08) -> Scale:
    """Return the scale that all finite values fit in, with some room on both sides.

    >>> scale([1.0, 3.0, math.nan], 0, 100, room=0.0)(2.0)
    50.0
    """
    known = [one for one in values if math.isfinite(one)] or [0.0]
    low, high = min(known), max(known)
    size = (high - low) or abs(high) or 1.0
    return Scale(low - room * size, high + room * size, start, end)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round values between two, at most so many.

    >>> ticks(0.68, 0.72, 5)
    [0.68, 0.69, 0.7, 0.71, 0.72]
    """
    raw = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    step = next(power * one for one in (1, 2, 2.5, 5, 10) if power * one >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [round((first + at) * step, 10) for at in range(max(count, 0))]


@dataclass(frozen=True)
class Box:
    """A label's place: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float

    def touches(self, other: Box) -> bool:
        """
        >>> Box(0, 0, 10, 10).touches(Box(9, 9, 5, 5)), Box(0, 0, 10, 10).touches(Box(10, 0, 5, 5))
        (True, False)
        """
        across = self.x < other.x + other.width and other.x < self.x + self.width
        return across and self.y < other.y + other.height and other.y < self.y + self.height


def placed(points: Sequence[tuple[float, float, str]], area: Box) -> list[Box]:
    """Return where to write the label of each point, so that none covers another or a point.

    Each is tried beside its point, to the right and to the left, then higher and lower in steps
    of a line; the first place that is free and inside the area is taken, the last one otherwise.

    >>> one, two = placed([(10, 50, "a"), (10, 51, "b")], Box(0, 0, 200, 100))
    >>> one.touches(two)
    False
    """
    dots = [Box(x - 5, y - 5, 10, 10) for x, y, _ in points]
    taken: list[Box] = []
    for x, y, text in points:
        width = LETTER * len(text)
        tries = [
            Box(left, y - LINE / 2 + step * LINE, width, LINE)
            for step in STEPS
            for left in (x + GAP + 1, x - GAP - 1 - width, x - width / 2)
            if step or left != x - width / 2
        ]
        inside = [one for one in tries if _within(one, area)]
        free = (one for one in inside if not any(one.touches(each) for each in (*taken, *dots)))
        taken.append(next(free, (inside or tries)[-1]))
    return taken


def _within(one: Box, area: Box) -> bool:
    return (
        one.x >= area.x
        and one.y >= area.y
        and one.x + one.width <= area.x + area.width
        and one.y + one.height <= area.y + area.height
    )
