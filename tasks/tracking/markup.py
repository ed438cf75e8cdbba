"""A model card as Markdown, and as a page of its own. Pure.

Follows the headings of Mitchell et al., Model Cards for Model Reporting (2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from urllib.parse import quote

from tasks.pages.draw import draw
from tasks.pages.markdown import escape, write_sections
from tasks.pages.page import Badge, Bullets, Figure, Grid, Page, Section, drop_empty
from tasks.tracking.card import Card

KINDS = {"binary": "yes or no", "multiclass": "one of several classes", "regression": "a number"}
NOTED = {"What it does", "Verdict", "How good it is", "Data"}


def to_markdown(card: Card) -> str:
    """Return the card as Markdown; the plots are linked by their path beside it."""
    lines = [f"# {escape(card.title)}", "", *write_sections(sections(card))]
    for title, path in card.images.items():
        lines += [f"![{escape(title)}]({quote(path)})", ""]
    return "\n".join(lines)


def to_html(card: Card, images: Mapping[str, bytes] | None = None) -> str:
    """Return the card as one page without any outside reference or script.

    `images` is title to PNG bytes; they are put into the page.
    """
    figures = tuple(Figure(title, png) for title, png in (images or {}).items())
    passed = card.verdict.lower().startswith("pass")
    plots = drop_empty(Section("Plots", figures))
    title = f"Model card: {card.title}"
    return draw(
        Page(title, (*sections(card), *plots), Badge(card.verdict, "good" if passed else "warn"))
    )


def write_note(card: Card) -> str:
    """Return the head of the card, for places that show a few lines of Markdown."""
    noted = [section for section in sections(card) if section.title in NOTED]
    lines = [escape(summarise(card)), "", *write_sections(noted, level=3)]
    return "\n".join([*lines, "The whole model card lies among the artifacts: `model-card.html`."])


def summarise(card: Card) -> str:
    """Return the card in one sentence, for lists that show a line."""
    told = [
        f"{score.name} {write_number(score.value)} "
        f"({write_interval(score.low, score.high) or 'no interval'})"
        for score in card.scores
        if score.name == card.metric
    ]
    rows = f"{card.holdout_rows:,} rows of {card.holdout}"
    return f"{card.verdict.capitalize()}: {card.family}, {', '.join(told)} on {rows}."


def sections(card: Card) -> tuple[Section, ...]:
    """Return the card's headings with their paragraphs, lists and tables; empty ones left out."""
    kind = KINDS.get(card.task, card.task)
    purpose = f"It predicts {card.target}: {kind}. Model family: {card.family}."
    judged = (
        f"Judged on {card.holdout_rows:,} later rows ({card.holdout}) that it was not fitted on. "
        f"The metric that decides is {card.metric}. Intervals hold with {card.confidence:.0%} "
        "confidence (bootstrap)."
    )
    data = (
        f"Learned from {card.rows:,} rows ({card.window}) of data version {card.data_version} "
        f"of the curated table of {card.pipeline}."
    )
    verdict = f"The gate's verdict: {card.verdict}."
    made = {"made": card.created} if card.created else {}
    lineage = Grid(("what", "which"), tuple({**card.lineage, **made}.items()))
    imitated = Grid(("where", "it answers", "rows"), card.imitated, frozenset({1, 2}))
    return drop_empty(
        Section("What it does", (card.description, purpose)),
        Section("Verdict", (verdict, Bullets(card.reasons), _rules(card))),
        Section("How good it is", (judged, _scores(card), card.calibration)),
        Section("By slice", (_slices(card),)),
        Section("Data", (data,)),
        Section("How it was chosen", (_tried(card), card.why, _params(card))),
        Section("What it looks at", (_features(card),)),
        Section("What each column adds", (card.looked, _looks(card))),
        Section("In a few rules", (card.imitation, imitated)),
        Section("Limits", (Bullets(card.limits), Bullets(card.cautions))),
        Section("Lineage", (lineage,)),
    )


def write_number(value: float | None, digits: int = 4) -> str:
    """Return a figure with `digits` significant digits.

    >>> write_number(0.66), write_number(81234.4), write_number(None)
    ('0.6600', '81,234', 'n/a')
    """
    if value is None or math.isnan(value):
        return "n/a"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}".rstrip(".")


def write_interval(low: float | None, high: float | None) -> str:
    """
    >>> write_interval(0.65, 0.67), write_interval(None, 0.67)
    ('0.6500 to 0.6700', '')
    """
    return "" if low is None or high is None else f"{write_number(low)} to {write_number(high)}"


def _tried(card: Card) -> str:
    if not card.tried:
        return ""
    told = ", ".join(f"{family} ({count})" for family, count in card.tried.items())
    total = sum(card.tried.values())
    return f"{total} settings were tried: {told}."


def _rules(card: Card) -> Grid:
    rows = tuple(
        (rule.rule, "passed" if rule.passed else "failed", rule.figures, rule.reason)
        for rule in card.rules
    )
    return Grid(("rule", "", "figures", "reason"), rows)


def _scores(card: Card) -> Grid:
    baselines = tuple(dict.fromkeys(name for score in card.scores for name in score.baselines))
    champion = any(score.champion is not None for score in card.scores)
    heads = ("metric", "this model", "interval", *(("champion",) if champion else ()), *baselines)
    rows = tuple(
        (
            score.name,
            write_number(score.value),
            write_interval(score.low, score.high),
            *((write_number(score.champion),) if champion else ()),
            *(write_number(score.baselines.get(name)) for name in baselines),
        )
        for score in card.scores
    )
    return Grid(heads, rows, frozenset(range(1, len(heads))))


def _slices(card: Card) -> Grid:
    rows = tuple(
        (
            f"{part.column} = {part.value}",
            f"{part.rows:,}",
            write_number(part.score),
            write_interval(part.low, part.high),
        )
        for part in card.slices
    )
    return Grid(("slice", "rows", card.metric, "interval"), rows, frozenset({1, 2, 3}))


def _params(card: Card) -> Grid:
    rows = tuple((name, str(value)) for name, value in card.params.items())
    return Grid(("parameter", "value"), rows)


def _features(card: Card) -> Grid:
    ordered = sorted(card.features.items(), key=lambda pair: (-abs(pair[1] or 0.0), pair[0]))
    rows = tuple((name, write_number(value, 3)) for name, value in ordered)
    return Grid(("feature", "importance"), rows, frozenset({1}))


def _looks(card: Card) -> Grid:
    rows = tuple(
        (look.column, write_number(look.adds, 3), f"{look.lost:+.4f} ± {look.spread:.4f}")
        for look in card.looks
    )
    heads = ("column", "adds, on average", f"{card.metric} lost when shuffled")
    return Grid(heads, rows, frozenset({1, 2}))
