"""Plots of a training run as PNG bytes. Pure: plain arrays in, an image out, no global state."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes as Axes  # noqa: PLC0414 - a type for whoever draws on a canvas
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure as Figure  # noqa: PLC0414 - likewise
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from tasks.arrays import Floats
from tasks.errors import bounded

Values = Sequence[float | None]
INK, BLUE, GREY, ORANGE, PALE = "#1f2937", "#2f6f9f", "#98a2b0", "#c0672b", "#e3e8ee"
FAMILY_COLOURS = (BLUE, ORANGE, "#4f8a5b", "#8a6aa8", "#b08a2e", "#5b7f95", "#a05252")
MOST_BARS = 20
MOST_CELLS = 12


def roc(false_positive_rate: Values, true_positive_rate: Values, area: float | None) -> bytes:
    """Draw the receiver operating characteristic beside the line of chance."""
    figure, axes = canvas("How well it ranks (ROC)", "false positive rate", "true positive rate")
    axes.plot([0, 1], [0, 1], "--", color=GREY, lw=1, label="chance, 0.500")
    told = "model" if area is None else f"model, area {area:.3f}"
    axes.plot(floats(false_positive_rate), floats(true_positive_rate), color=BLUE, label=told)
    _unit(axes)
    axes.legend(loc="lower right", frameon=False)
    return png(figure)


def precision_recall(recall: Values, precision: Values, base_rate: float) -> bytes:
    """Draw precision against recall beside the share of positives."""
    figure, axes = canvas("Precision and recall", "recall", "precision")
    axes.axhline(base_rate, ls="--", color=GREY, lw=1, label=f"share of positives, {base_rate:.3f}")
    axes.plot(floats(recall), floats(precision), color=BLUE, label="model")
    _unit(axes)
    axes.legend(loc="upper right", frameon=False)
    return png(figure)


def reliability(stated: Values, observed: Values, rows: Sequence[int]) -> bytes:
    """Draw what came true against what was said; a dot's area grows with its rows."""
    title = "Do stated probabilities come true?"
    figure, axes = canvas(title, "stated probability", "share that came true")
    axes.plot([0, 1], [0, 1], "--", color=GREY, lw=1, label="perfectly calibrated")
    said, came, counts = floats(stated), floats(observed), np.asarray(rows, dtype=float)
    axes.plot(said, came, color=BLUE, lw=1)
    area = 15 + 60 * counts / max(1.0, counts.max(initial=0))
    axes.scatter(said, came, s=area, color=BLUE, label=f"model, {int(counts.sum()):,} rows")
    _unit(axes)
    axes.legend(loc="upper left", frameon=False)
    return png(figure)


def importances(values: Mapping[str, float]) -> bytes:
    """Draw the most important features as bars, the strongest on top; at most 20."""
    ordered = sorted(values.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    shown = ordered[:MOST_BARS][::-1]
    left = len(ordered) - len(shown)
    title = "What it looks at" + (f" (and {left} weaker features)" if left else "")
    figure, axes = canvas(title, "importance", "", rows=len(shown))
    axes.barh(range(len(shown)), [value for _, value in shown], color=BLUE, height=0.65)
    _names(axes, [name for name, _ in shown])
    return png(figure)


def comparison(
    metric: str,
    figures: Mapping[str, tuple[float, float | None, float | None]],
    greater_is_better: bool,
) -> bytes:
    """Draw name to (value, low, high) one below the other; the first name is the model's."""
    shown = [(name, figure) for name, figure in figures.items() if np.isfinite(figure[0])]
    shown.reverse()
    better = "higher is better" if greater_is_better else "lower is better"
    title = "Against the champion and the naive baselines"
    figure, axes = canvas(title, f"{safe(metric)} ({better})", "", rows=len(shown))
    for place, (_, (value, low, high)) in enumerate(shown):
        colour = BLUE if place == len(shown) - 1 else GREY
        if low is not None and high is not None:
            axes.plot([low, high], [place, place], color=colour, lw=3, solid_capstyle="round")
        axes.plot(value, place, "o", color=colour, ms=8)
        style: dict[str, Any] = {"textcoords": "offset points", "fontsize": 9, "color": INK}
        axes.annotate(f"{value:.4g}", (value, place), (0, 9), ha="center", **style)
    _names(axes, [name for name, _ in shown])
    axes.set_ylim(-0.6, len(shown) - 0.3)
    axes.margins(x=0.12)
    return png(figure)


def tuning(
    metric: str,
    families: Sequence[str],
    scores: Values,
    chosen: int | None,
    greater_is_better: bool,
) -> bytes:
    """Draw each trial's mean score over the folds, the best so far, and the chosen one.

    Args:
        metric, greater_is_better: its name and direction.
        families, scores: one a trial; a score of None did not end.
        chosen: the place of the chosen trial.
    """
    values = floats(scores)
    figure, axes = canvas("What was tried", "trial", f"{safe(metric)}, mean over the folds")
    for place, family in enumerate(dict.fromkeys(families)):
        at = [i for i, name in enumerate(families) if name == family and np.isfinite(values[i])]
        colour = FAMILY_COLOURS[place % len(FAMILY_COLOURS)]
        axes.scatter(at, values[at], s=28, color=colour, label=safe(family))
    running = np.maximum if greater_is_better else np.minimum
    worst = -np.inf if greater_is_better else np.inf
    # NaN would stay the best for ever
    best = running.accumulate(np.where(np.isfinite(values), values, worst))
    best = np.where(np.isfinite(best), best, np.nan)
    axes.step(range(len(best)), best, where="post", color=GREY, lw=1, label="best so far")
    if chosen is not None and np.isfinite(values[chosen]):
        axes.plot(chosen, values[chosen], "o", ms=12, mfc="none", mec=INK, mew=1.5, label="chosen")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    return png(figure)


def residuals(level: Values, quantile: Values, unit: str) -> bytes:
    """Draw the quantiles of prediction minus label, in the label's unit."""
    figure, axes = canvas("How far off it is", "share of rows", f"prediction - {safe(unit)}")
    axes.axhline(0, color=GREY, lw=1, ls="--", label="exactly right")
    axes.plot(floats(level), floats(quantile), "o-", ms=4, color=BLUE, label="quantiles of error")
    axes.set_xlim(0, 1)
    axes.legend(loc="upper left", frameon=False)
    return png(figure)


def confusion(table: Sequence[Sequence[int]], classes: Sequence[str]) -> bytes:
    """Draw how often each actual class (row) was predicted as each class (column), in shares.

    The counts are written into the cells for up to 12 classes.
    """
    counts = np.asarray(table, dtype=float)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    figure, axes = canvas("What was predicted as what", "predicted", "actual", grid=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    names = [safe(bounded(name, 18)) for name in classes]
    turn = 0 if sum(map(len, names)) < 40 else 60
    axes.set_xticks(range(len(names)), names, rotation=turn)
    axes.set_yticks(range(len(names)), names)
    if len(counts) <= MOST_CELLS:
        for row, column in np.ndindex(counts.shape):
            share = shares[row, column]
            told = f"{counts[row, column]:,.0f}\n{share:.0%}"
            ink = "white" if share > 0.55 else INK
            axes.text(column, row, told, ha="center", va="center", fontsize=8, color=ink)
    return png(figure)


def canvas(
    title: str,
    across: str,
    up: str,
    rows: int = 0,
    grid: bool = True,
    size: tuple[float, float] | None = None,
) -> tuple[Figure, Axes]:
    """Return an empty figure and its axes.

    Args:
        title, across, up: what stands above, below and beside.
        rows: of a list of bars, which sets the height.
        grid: whether lines are drawn.
        size: in inches, before `rows`; a figure of it has half as many pixels again an inch.
    """
    height = 3.9 if rows == 0 else min(7.0, max(2.2, 1.3 + 0.36 * rows))
    # not by pyplot, which keeps its figures in one list for all threads
    figure = Figure(
        figsize=size or (6.4, height),
        dpi=150 if size else 100,
        layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.15),
    )
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12, color=INK, pad=12)
    axes.set_xlabel(across, color=INK)
    axes.set_ylabel(up, color=INK)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    axes.spines[:].set_visible(False)
    if grid:
        axes.grid(axis="x" if rows else "both", color=PALE, lw=0.8)
        axes.set_axisbelow(True)
    return figure, axes


def _unit(axes: Axes) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)


def _names(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [safe(bounded(name, 32)) for name in names])


def safe(text: str) -> str:
    """Return text that is drawn as it is: a dollar sign would start a formula.

    >>> safe("cost$\\n")
    'cost\\\\$ '
    """
    return text.replace("\n", " ").replace("$", r"\$")


def shades(*colours: str) -> Colormap:
    """Return the colours between these, from low to high."""
    return LinearSegmentedColormap.from_list("shades", list(colours))


def floats(values: Values) -> Floats:
    """Return the values as an array, NaN for None."""
    return np.asarray(values, dtype=float)


def png(figure: Figure) -> bytes:
    """Return the figure's image; the same figure gives the same bytes."""
    target = BytesIO()
    with warnings.catch_warnings():
        # a sign that the font lacks, as in a column called by an emoji, is drawn as a box
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        # matplotlib writes its version into the file, which would change with every release of it
        figure.savefig(target, format="png", facecolor="white", metadata={"Software": ""})
    return target.getvalue()
