"""A backtest as one page: advice first, two drawings, every figure. Pure."""

from __future__ import annotations

from typing import Any

from tasks.backtest.drawing import draw_front, draw_timeline
from tasks.backtest.result import Backtest
from tasks.pages.draw import draw
from tasks.pages.page import Code, Figure, Grid, Note, Page, Section
from tasks.policy.situation import finite
from tasks.tracking.plots import png

FRONT = (
    "On the front: nothing is as good and as cheap. Dashed: the bound, the best that any policy "
    "could have reached with so many retrainings, known only afterwards."
)
TIMELINE = (
    "Blue: live quality on each batch. Grey: the first model, never retrained. Orange: a new "
    "model took over. All rows have the same scale. Policies that did the same share a row."
)
FIGURES = (
    "CPU-seconds are those of the retrainings: fitting, judging on the holdout, fitting again. "
    "“Against the bound” compares with the best that as many retrainings could have reached. "
    "“Behind the best” is the mean over the batches, with its 95 % interval."
)
HEADS = (
    "policy", "retrainings", "CPU-seconds", "mean", "against static", "against the bound",
    "behind the best", "front",
)  # fmt: skip


def draw_page(backtest: Backtest, pipeline: str, delay: str) -> bytes:
    """Return the page as HTML without any outside reference or script."""
    advice = backtest.recommendation
    rows = tuple(map(tuple, figure_rows(backtest)))
    marked = frozenset(place for place, row in enumerate(rows) if row[0] == advice.policy)
    numeric = frozenset(range(1, len(HEADS)))
    front = Figure("quality against the cost of retraining", png(draw_front(backtest)))
    timeline = Figure("live quality and retrainings, batch by batch", png(draw_timeline(backtest)))
    sections = (
        Section("Recommendation", (advice.why, *backtest.notes, Code(advice.yaml)), "good"),
        Section("Quality against cost", (Note(FRONT), front)),
        Section("Timeline", (Note(TIMELINE), timeline)),
        Section("Figures", (Grid(HEADS, rows, numeric, marked), Note(FIGURES))),
    )
    return draw(
        Page(f"Policy backtest: {pipeline}", sections, lead=_lead(backtest, delay))
    ).encode()


def _lead(backtest: Backtest, delay: str) -> str:
    history = backtest.history
    first, last = history.batches[history.replayed[0]].start, history.batches[-1].end
    better = "greater" if history.greater_is_better else "less"
    return (
        f"{len(history.replayed)} batches replayed, {first.date()} to {last.date()}, test then "
        f"train. Every model: {history.recipe}. Metric: {history.metric}, {better} is better. "
        f"Labels: {delay}. The schedule is not replayed, only the policy."
    )


def figure_rows(backtest: Backtest) -> list[list[str]]:
    """Return a row of texts a policy, then the oracle and the naive predictions."""
    behind = {policy.policy: policy.behind for policy in backtest.recommendation.compared}
    rows = []
    for result in backtest.lines:
        gap = behind.get(result.policy)
        told = "" if gap is None else f"{gap.value:.4f} [{gap.low:.4f}, {gap.high:.4f}]"
        rows.append(
            [result.policy, str(result.retrainings), f"{result.cpu_seconds:,.1f}",
             number_cell(result.mean), number_cell(result.against_static, "+.4f"),
             number_cell(result.against_bound, "+.4f"), told, "on it" if result.on_front else ""]
        )  # fmt: skip
    oracle, sign = backtest.oracle, backtest.history.sign
    static = backtest.bounds[0].mean
    rows.append(
        ["the oracle", str(len(oracle.retrainings)), f"{oracle.cpu_seconds:,.1f}",
         f"{oracle.mean:.4f}", f"{sign * (oracle.mean - static):+.4f}", "", "", ""]
    )  # fmt: skip
    for name, mean in backtest.history.naive_means().items():
        rows.append([f"naive: {name.replace('_', ' ')}", "", "", number_cell(mean), "", "", "", ""])
    return rows


def number_cell(value: Any, how: str = ".4f") -> str:
    """Return a number as text, or that there is none.

    >>> number_cell(0.5), number_cell(float("nan"))
    ('0.5000', 'none')
    """
    return "none" if finite(value) is None else format(value, how)
