"""The two drawings of a backtest as SVG: quality against cost, and the timeline. Pure.

Colours are classes of the page's style, so that they follow its light or dark scheme.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from tasks.backtest.oracle import Bound
from tasks.backtest.replay import Course
from tasks.backtest.result import Backtest
from tasks.backtest.scales import Box, Scale, placed, scale, ticks

WIDTH = 940
LEFT, RIGHT, TOP = 62, 24, 18
FRONT_HEIGHT, ROW, HEAD = 380, 58, 40
NAMES, FIGURES = 190, 130
LONGEST = 34


@dataclass(frozen=True)
class Group:
    """Policies that did the same: one point and one row for all of them."""

    names: tuple[str, ...]
    course: Course
    on_front: bool
    chosen: bool

    @property
    def label(self) -> str:
        """Their names, shortened where they are many."""
        text = ", ".join(self.names)
        return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip(", ") + "…"


def groups(found: Backtest) -> tuple[Group, ...]:
    """Return the courses that have a mean, cheapest first, the same ones together."""
    together: dict[tuple[object, ...], list[int]] = {}
    for place, course in enumerate(found.courses):
        if not math.isnan(course.mean):
            ends = tuple(step.model_end for step in course.steps)
            together.setdefault((course.retrainings, ends), []).append(place)
    chosen = found.recommendation.policy
    made = []
    for places in together.values():
        names = sorted((found.courses[one].policy for one in places), key=lambda n: n != chosen)
        fronts = any(found.lines[one].on_front for one in places)
        made.append(Group(tuple(names), found.courses[places[0]], fronts, names[0] == chosen))
    return tuple(made)


def front_svg(found: Backtest) -> str:
    """Draw every policy as a labelled point, and the oracle's bound as a line."""
    made, bounds = groups(found), found.bounds
    costs = [one.course.cpu_seconds for one in made] + [one.cpu_seconds for one in bounds]
    means = [one.course.mean for one in made] + [one.mean for one in bounds]
    bottom = FRONT_HEIGHT - 46
    across = Scale(-0.02 * _most(costs), 1.14 * _most(costs), LEFT, WIDTH - RIGHT)
    up = scale(means, bottom, TOP, room=0.12)
    if not found.history.greater_is_better:
        up = Scale(up.low, up.high, up.end, up.start)
    parts = [*_grid(across, up, bottom, found.history.metric)]
    parts.append(_bound_line(bounds, across, up))
    points = [(across(one.course.cpu_seconds), up(one.course.mean), one.label) for one in made]
    area = Box(LEFT + 2, TOP, WIDTH - RIGHT - LEFT - 2, bottom - TOP - 2)
    for one, (x, y, _), box in zip(made, points, placed(points, area), strict=True):
        parts += _point(one, x, y, box)
    return _svg(FRONT_HEIGHT, parts, f"{found.history.metric} against the cost of retraining")


def timeline_svg(found: Backtest) -> str:
    """Draw a row a policy: its live quality over the batches, and where it retrained."""
    history, made = found.history, groups(found)
    height = HEAD + ROW * len(made) + 8
    first, last = history.replayed[0], history.replayed[-1]
    across = Scale(first - 0.5, last + 0.5, NAMES, WIDTH - FIGURES)
    values = [
        step.live.value
        for one in made
        for step in one.course.steps
        if step.live is not None and step.judged
    ]
    static = history.values[history.first]
    values += [float(static[at]) for at in history.judged]
    parts = [*_calendar(found, across, height)]
    for place, one in enumerate(made):
        top = HEAD + ROW * place
        up = scale(values, top + ROW - 8, top + 8, room=0.0)
        if not history.greater_is_better:
            up = Scale(up.low, up.high, up.end, up.start)
        parts += _row(found, one, top, across, up)
    return _svg(height, parts, "live quality and retrainings of every policy, batch by batch")


def _svg(height: float, parts: Sequence[str], title: str) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>"])


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{style}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" class="{style}"/>'


def _most(values: Sequence[float]) -> float:
    return max([one for one in values if math.isfinite(one)] or [0.0]) or 1.0


def _grid(across: Scale, up: Scale, bottom: float, metric: str) -> Iterator[str]:
    for value in ticks(up.low, up.high, 7):
        y = up(value)
        yield _line(LEFT, y, WIDTH - RIGHT, y, "grid")
        yield _text(LEFT - 8, y + 4, f"{value:g}", "tick", "end")
    for value in ticks(0.0, across.high, 8):
        yield _line(across(value), bottom, across(value), bottom + 4, "axis")
        yield _text(across(value), bottom + 18, f"{value:g}", "tick", "middle")
    yield _line(LEFT, bottom, WIDTH - RIGHT, bottom, "axis")
    yield _text(WIDTH - RIGHT, bottom + 36, "CPU-seconds of retraining", "tick", "end")
    yield _text(LEFT - 54, TOP - 6, f"mean {metric}", "tick")


def _bound_line(bounds: Sequence[Bound], across: Scale, up: Scale) -> str:
    """Draw the bound as far as more retrainings buy more."""
    told: list[Bound] = []
    for one in bounds:
        if not told or one.retrainings != told[-1].retrainings:
            told.append(one)
    known = [one for one in told if math.isfinite(one.mean)]
    places = " ".join(f"{across(one.cpu_seconds):g},{up(one.mean):g}" for one in known)
    dots = "".join(
        f'<circle cx="{across(one.cpu_seconds):g}" cy="{up(one.mean):g}" r="2.5" class="bound">'
        f"<title>bound, {len(one.retrainings)} retrainings: {one.mean:.4f}</title></circle>"
        for one in known
    )
    return f'<polyline points="{places}" class="bound-line"/>{dots}'


def _point(one: Group, x: float, y: float, box: Box) -> Iterator[str]:
    style = "chosen" if one.chosen else "front" if one.on_front else "behind"
    course = one.course
    told = (
        f"{', '.join(one.names)}: {course.mean:.4f}, {len(course.retrainings)} retrainings, "
        f"{course.cpu_seconds:,.1f} CPU-seconds"
    )
    middle = box.y + box.height / 2
    if abs(middle - y) > box.height:
        near = min(max(x, box.x), box.x + box.width)
        edge = box.y + box.height if middle < y else box.y
        yield _line(x, y, near, edge, "leader")
    radius = 6.5 if one.chosen else 5
    yield (
        f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" class="{style}">'
        f"<title>{escape(told)}</title></circle>"
    )
    yield _text(box.x, box.y + 11.5, one.label, "label strong" if one.chosen else "label")


def _calendar(found: Backtest, across: Scale, height: float) -> Iterator[str]:
    batches, replayed = found.history.batches, found.history.replayed
    every = max(1, math.ceil(len(replayed) / 8))
    for at in replayed[::every]:
        yield _line(across(at), HEAD - 8, across(at), height - 8, "grid")
        yield _text(across(at), HEAD - 14, f"{batches[at].start:%Y-%m-%d}", "tick", "middle")
    yield _text(WIDTH - FIGURES + 62, HEAD - 14, "mean", "tick", "end")
    yield _text(WIDTH - 6, HEAD - 14, "retrained", "tick", "end")


def _row(found: Backtest, one: Group, top: float, across: Scale, up: Scale) -> Iterator[str]:
    history, course = found.history, one.course
    yield _line(0, top + ROW, WIDTH, top + ROW, "grid")
    parts = wrap(one.label, 26)[:3]
    for place, part in enumerate(parts):
        style = "label strong" if one.chosen else "label"
        yield _text(4, top + ROW / 2 + 4 + 14 * (place - (len(parts) - 1) / 2), part, style)
    for at in course.retrainings:
        x = across(at + 0.5)
        yield _line(x, top + 4, x, top + ROW - 4, "retrained")
    static = history.values[history.first]
    yield _path([(across(at), up(float(static[at]))) for at in history.judged], "static")
    lived = [
        (across(step.batch), up(step.live.value))
        for step in course.steps
        if step.judged and step.live is not None
    ]
    yield _path(lived, "lived")
    yield _text(WIDTH - FIGURES + 62, top + ROW / 2 + 4, f"{course.mean:.4f}", "label", "end")
    yield _text(WIDTH - 6, top + ROW / 2 + 4, f"{len(course.retrainings)}", "label", "end")


def _path(places: Sequence[tuple[float, float]], style: str) -> str:
    points = " ".join(f"{x:g},{y:g}" for x, y in places)
    return f'<polyline points="{points}" class="{style}"/>'
