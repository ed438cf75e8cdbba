"""A model card: what a model is, how it was chosen, and when not to use it. Pure.

Follows the headings of Mitchell et al., Model Cards for Model Reporting (2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.slices import Slice
from tasks.explanation.overview import ColumnShare
from tasks.pages.draw import draw
from tasks.pages.markdown import escape, write_sections
from tasks.pages.page import Badge, Bullets, Figure, Grid, Page, Section, drop_empty
from tasks.promotion.rules import Outcome

KINDS = {"binary": "yes or no", "multiclass": "one of several classes", "regression": "a number"}
NOTED = {"What it does", "Verdict", "How good it is", "Data"}
Lines = tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """One metric of the model; of the champion and the baselines where they have it."""

    name: str
    figure: Interval
    champion: float | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """Everything a model card shows.

    `verdict` is one word or two, `tried` family to the number of settings tried, `features`
    name to importance (0 to 1 or any scale), `limits` and `cautions` whole sentences,
    `lineage` what to what (training key, data version, code, lock, run …). `window` and
    `holdout` are readable spans. `images` are titles with the PNG's path beside the card.
    `looked` says how the model was explained (or why not), `looks` what was found, `imitation`
    how well a small tree imitates the model, and `imitated` its (condition, answer, rows).
    """

    pipeline: str
    version: int
    description: str
    task: str
    target: str
    family: str
    metric: str
    confidence: float
    data_version: int
    rows: int
    window: str
    holdout_rows: int
    holdout: str
    tried: Mapping[str, int]
    why: str
    scores: tuple[Score, ...]
    verdict: str
    reasons: Lines = ()
    rules: tuple[Outcome, ...] = ()
    slices: tuple[Slice, ...] = ()
    calibration: str = ""
    features: Mapping[str, float | None] = field(default_factory=dict)
    looked: str = ""
    looks: tuple[ColumnShare, ...] = ()
    imitation: str = ""
    imitated: tuple[Lines, ...] = ()
    params: Mapping[str, object] = field(default_factory=dict)
    limits: Lines = ()
    cautions: Lines = ()
    lineage: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    created: str = ""

    @property
    def title(self) -> str:
        """What the card is of, as its heading."""
        return f"{self.pipeline}, version {self.version}"


def to_markdown(card: Card) -> str:
    """Return the card as Markdown; the plots are linked by their path beside it."""
    lines = [f"# {escape(card.title)}", "", *write_sections(sections(card))]
    for title, path in card.images.items():
        lines += [f"![{escape(title)}]({quote(path)})", ""]
    return "\n".join(lines)


def to_html(card: Card, images: Mapping[str, bytes] | None = None) -> str:
    """Return the card as one page without script or outside reference, with PNG by title in it."""
    figures = tuple(Figure(title, png) for title, png in (images or {}).items())
    passed = card.verdict.lower().startswith("pass")
    plots = drop_empty(Section("Plots", figures))
    title = f"Model card: {card.title}"
    badge = Badge(card.verdict, "good" if passed else "warn")
    return draw(Page(title, (*sections(card), *plots), badge))


def write_note(card: Card) -> str:
    """Return the head of the card, for places that show a few lines of Markdown."""
    noted = [section for section in sections(card) if section.title in NOTED]
    told = [
        f"{score.name} {write_number(score.figure.value)} "
        f"({write_interval(score.figure) or 'no interval'})"
        for score in card.scores
        if score.name == card.metric
    ]
    rows = f"{card.holdout_rows:,} rows of {card.holdout}"
    summary = f"{card.verdict.capitalize()}: {card.family}, {', '.join(told)} on {rows}."
    lines = [escape(summary), "", *write_sections(noted, level=3)]
    return "\n".join([*lines, "The whole model card lies among the artifacts: `model-card.html`."])


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
    params = tuple((name, str(value)) for name, value in card.params.items())
    chosen = Grid(("parameter", "value"), params)
    imitated = Grid(("where", "it answers", "rows"), card.imitated, frozenset({1, 2}))
    return drop_empty(
        Section("What it does", (card.description, purpose)),
        Section("Verdict", (verdict, Bullets(card.reasons), _rules(card))),
        Section("How good it is", (judged, _scores(card), card.calibration)),
        Section("By slice", (_slices(card),)),
        Section("Data", (data,)),
        Section("How it was chosen", (_tried(card), card.why, chosen)),
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


def write_interval(figure: Interval) -> str:
    """Return a figure's bounds; nothing where they are unknown.

    >>> write_interval(Interval(0.66, 0.65, 0.67)), write_interval(Interval(0.66, math.nan, 0.67))
    ('0.6500 to 0.6700', '')
    """
    low, high = figure.low, figure.high
    unknown = math.isnan(low) or math.isnan(high)
    return "" if unknown else f"{write_number(low)} to {write_number(high)}"


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
            write_number(score.figure.value),
            write_interval(score.figure),
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
            write_number(part.figure.value),
            write_interval(part.figure),
        )
        for part in card.slices
        if not part.too_small
    )
    return Grid(("slice", "rows", card.metric, "interval"), rows, frozenset({1, 2, 3}))


def _features(card: Card) -> Grid:
    ordered = sorted(card.features.items(), key=lambda pair: (-abs(pair[1] or 0.0), pair[0]))
    rows = tuple((name, write_number(value, 3)) for name, value in ordered)
    return Grid(("feature", "importance"), rows, frozenset({1}))


def _looks(card: Card) -> Grid:
    rows = tuple(
        (look.name, write_number(look.adds, 3), f"{look.lost:+.4f} ± {look.spread:.4f}")
        for look in card.looks
    )
    heads = ("column", "adds, on average", f"{card.metric} lost when shuffled")
    return Grid(heads, rows, frozenset({1, 2}))
