"""The two drawings of a backtest as PNG: quality against cost, and the timeline. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from textwrap import fill
from typing import Any

from tasks.backtest.replay import Course
from tasks.backtest.result import Backtest, PolicyResult
from tasks.tracking.plots import BLUE, GREY, INK, ORANGE, Axes, Figure, canvas, safe

# Inches.
WIDE = 9.4
# Letters of a label beside its point, and of a name in the margin before it is folded.
LONGEST, BROAD = 34, 26
# to the right and to the left of the point, then a line higher and lower, in points
OFFSETS = [(side, 11 * up) for up in (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5) for side in (8, -8)]
PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
LABEL: dict[str, Any] = {
    "textcoords": "offset points",
    "va": "center",
    "fontsize": 9,
    "bbox": PAPER,
}


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


def group_courses(backtest: Backtest) -> tuple[Group, ...]:
    """Return the courses that have a mean, cheapest first, the same ones together."""
    # the same models on the same batches: points and rows that would cover each other
    together: dict[tuple[object, ...], list[tuple[Course, PolicyResult]]] = {}
    for course, line in zip(backtest.courses, backtest.lines, strict=True):
        if not math.isnan(course.mean):
            ends = tuple(step.model_end for step in course.steps)
            together.setdefault((course.retrainings, ends), []).append((course, line))
    chosen, made = backtest.recommendation.policy, []
    for alike in together.values():
        names = sorted((line.policy for _, line in alike), key=lambda name: name != chosen)
        fronts = any(line.on_front for _, line in alike)
        made.append(Group(tuple(names), alike[0][0], fronts, names[0] == chosen))
    return tuple(made)


def draw_front(backtest: Backtest) -> Figure:
    """Draw every policy as a labelled point, and the oracle's bound as a line."""
    metric = safe(backtest.history.metric)
    figure, axes = canvas("", "CPU-seconds of retraining", f"mean {metric}", size=(WIDE, 4.2))
    # the bound as far as more retrainings buy more: then every further one is the same
    firsts = (next(same) for _, same in groupby(backtest.bounds, lambda bound: bound.retrainings))
    known = [bound for bound in firsts if math.isfinite(bound.mean)]
    costs, means = [bound.cpu_seconds for bound in known], [bound.mean for bound in known]
    axes.plot(costs, means, "--o", ms=3, lw=1.2, color=GREY, label="the bound")
    shown = group_courses(backtest)
    for kind, colour in (("behind", GREY), ("on the front", BLUE), ("recommended", ORANGE)):
        alike = [group.course for group in shown if _kind(group) == kind]
        across, up = [course.cpu_seconds for course in alike], [course.mean for course in alike]
        inner = "white" if kind == "behind" else colour
        axes.plot(across, up, "o", ms=8, color=colour, mfc=inner, label=kind, zorder=3)
    dearest = max([*costs, *(group.course.cpu_seconds for group in shown)], default=0.0) or 1.0
    axes.set_xlim(-0.03 * dearest, 1.16 * dearest)
    axes.margins(y=0.14)
    if not backtest.history.greater_is_better:
        axes.invert_yaxis()
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], names[::-1], loc="outside upper left", ncols=4, frameon=False)
    points = [(group.label, group.course.cpu_seconds, group.course.mean) for group in shown]
    write_labels(axes, points, [group.label for group in shown if group.chosen])
    return figure


def write_labels(
    axes: Axes, points: Sequence[tuple[str, float, float]], strong: Iterable[str] = ()
) -> list[tuple[float, ...]]:
    """Write each (label, x, y) beside its point, so that none covers another or a point.

    The first place that is free and inside is taken, the last one otherwise. Returns the labels'
    boxes, (left, lower, right, upper) in pixels.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # lays the axes out: before it, no text has a place
    inside = axes.get_window_extent()
    dots = [axes.plot(x, y, "o", ms=7, alpha=0)[0] for _, x, y in points]
    taken = [dot.get_window_extent() for dot in dots]
    boxes: list[tuple[float, ...]] = []
    for label, x, y in points:
        weight = "bold" if label in strong else "normal"
        for place, (side, up) in enumerate(OFFSETS):
            edge = "left" if side > 0 else "right"
            text = axes.annotate(safe(label), (x, y), (side, up), ha=edge, weight=weight, **LABEL)
            box = text.get_window_extent()
            within = inside.x0 <= box.x0 and box.x1 <= inside.x1
            within = within and inside.y0 <= box.y0 and box.y1 <= inside.y1
            if (within and not box.count_overlaps(taken)) or place == len(OFFSETS) - 1:
                break
            text.remove()
        taken.append(box)
        boxes.append(tuple(box.extents))
    return boxes


def draw_timeline(backtest: Backtest) -> Figure:
    """Draw a row a policy: its live quality over the batches, and where it retrained."""
    history, shown = backtest.history, group_courses(backtest)
    figure, axes = canvas("", "", "", grid=False, size=(WIDE, 0.9 + 0.56 * len(shown)))
    static = [float(history.values[history.first][batch]) for batch in history.judged]
    lived = [group.course.lived for group in shown]
    values = [*static, *(value for row in lived for _, value in row)]
    low, high = min(values, default=0.0), max(values, default=1.0)

    def level(row: int, value: float) -> float:
        """Every row has the same scale, better is up; rows go down."""
        share = (value - low) / (high - low) if high > low else 0.5
        return row + 0.4 - 0.8 * (share if history.greater_is_better else 1 - share)

    for row, group in enumerate(shown):
        axes.axhline(row + 0.5, color=GREY, lw=0.4)
        for batch in group.course.retrainings:
            axes.vlines(batch + 0.5, row - 0.44, row + 0.44, color=ORANGE, lw=1.4, gid="retrained")
        quiet = [level(row, value) for value in static]
        axes.plot(history.judged, quiet, color=GREY, lw=1, label=f"static of row {row}")
        alive = [level(row, value) for _, value in lived[row]]
        axes.plot([batch for batch, _ in lived[row]], alive, color=BLUE, lw=1.6)
    _write_margins(backtest, axes, shown)
    return figure


def _write_margins(backtest: Backtest, axes: Axes, shown: Sequence[Group]) -> None:
    """Write names on the left, figures on the right, dates above."""
    batches, replayed = backtest.history.batches, backtest.history.replayed
    names = [fill(safe(group.label), BROAD) for group in shown]
    for text, group in zip(axes.set_yticks(range(len(shown)), names), shown, strict=True):
        text.label1.set_fontweight("bold" if group.chosen else "normal")
    figures = [f"{group.course.mean:.4f}  {len(group.course.retrainings):4}" for group in shown]
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(shown)), figures)
    right.tick_params(length=0, labelsize=9, colors=INK)
    right.spines[:].set_visible(False)
    axes.text(1.0, 1.02, "  mean, retrained", transform=axes.transAxes, fontsize=9, color=GREY)
    # eight dates fit the width without covering each other
    every = max(1, math.ceil(len(replayed) / 8))
    days = [f"{batches[place].start:%Y-%m-%d}" for place in replayed[::every]]
    axes.set_xticks(replayed[::every], days)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.set_xlim(replayed[0] - 0.5, replayed[-1] + 0.5)
    axes.set_ylim(len(shown) - 0.5, -0.5)


def _kind(group: Group) -> str:
    return "recommended" if group.chosen else "on the front" if group.on_front else "behind"
