"""A model card: what a model is, how it was chosen, and when not to use it. Pure.

Follows the headings of Mitchell et al., Model Cards for Model Reporting (2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from tasks.evaluation.bootstrap import Interval
from tasks.evaluation.evaluate import Evaluation
from tasks.explanation.overview import ColumnShare
from tasks.pages.draw import draw
from tasks.pages.markdown import escape, write_sections
from tasks.pages.page import Badge, Bullets, Figure, Grid, Page, Section, drop_empty
from tasks.promotion.rule import Outcome

KINDS = {"binary": "yes or no", "multiclass": "one of several classes", "regression": "a number"}
NOTED = {"What it does", "Verdict", "How good it is", "Data"}
Lines = tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """Everything a model card shows.

    `window` is the span of the rows it learned from, `tried` family to the number of settings
    tried, `evaluation` of the holdout, `champion` the deciding metric of the champion there.
    `warnings` are what the gate let through for a first model. `verdict` is one word or two,
    `features` name to importance (0 to 1 or any scale), `limits` and `cautions` whole sentences,
    `lineage` what to what (training key, data version, code, lock, run …). `images` are titles with
    the PNG's path beside the card, `columns` are (column, what became of it).
    `looked` says how the model was explained (or why not), `looks` what was found, `imitation`
    how well a small tree imitates the model, and `imitated` its (condition, answer, rows).
    `positive` is the class of two that its chances are of.
    """

    pipeline: str
    version: int
    description: str
    task: str
    target: str
    family: str
    data_version: int
    rows: int
    window: str
    tried: Mapping[str, int]
    why: str
    evaluation: Evaluation
    champion: float | None
    verdict: str
    reasons: Lines = ()
    warnings: Lines = ()
    rules: tuple[Outcome, ...] = ()
    features: Mapping[str, float | None] = field(default_factory=dict)
    columns: tuple[Lines, ...] = ()
    looked: str = ""
    looks: tuple[ColumnShare, ...] = ()
    imitation: str = ""
    imitated: tuple[Lines, ...] = ()
    positive: str = ""
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

    @property
    def holdout(self) -> str:
        """The span of the rows it was judged on, or how they were held out."""
        if self.evaluation.evidence != "latest rows":
            return f"a {self.evaluation.how}"
        return " to ".join(end[:10] for end in self.evaluation.window or () if end)

    @property
    def evidence(self) -> str:
        """What kind of evidence the figures are, in a sentence."""
        if self.evaluation.evidence == "latest rows":
            return "Evidence: latest rows, as the rows have an event time."
        if self.evaluation.folds:
            return f"Evidence: {self.evaluation.how}, of which each judges rows that it left out."
        return (
            f"Evidence: {self.evaluation.evidence}, as the rows have no event time. It says how "
            "the model does on rows like these, not how it will do on later ones."
        )


def to_markdown(card: Card) -> str:
    """Return the card as Markdown; the plots are linked by their path beside it."""
    lines = [f"# {escape(card.title)}", "", *write_sections(sections(card))]
    for title, path in card.images.items():
        lines += [f"![{escape(title)}]({quote(path)})", ""]
    return "\n".join(lines)


def to_html(card: Card, images: Mapping[str, bytes] | None = None) -> str:
    """Return the card as one page without script or outside reference, with PNG by title in it."""
    figures = tuple(Figure(title, png) for title, png in (images or {}).items())
    badge = Badge(card.verdict, "warn" if card.verdict == "refused" else "good")
    plots = drop_empty(Section("Plots", figures))
    title = f"Model card: {card.title}"
    return draw(Page(title, (*sections(card), *plots), badge))


def write_note(card: Card) -> str:
    """Return the head of the card, for places that show a few lines of Markdown."""
    noted = [section for section in sections(card) if section.title in NOTED]
    judged = card.evaluation
    told = f"{judged.metric} {write_number(judged.deciding.value)}"
    bounds = write_interval(judged.deciding) or "no interval"
    rows = f"{judged.rows:,} rows of {card.holdout}"
    summary = f"{card.verdict.capitalize()}: {card.family}, {told} ({bounds}) on {rows}."
    lines = [escape(summary), "", *write_sections(noted, level=3)]
    return "\n".join([*lines, "The whole model card lies among the artifacts: `model-card.html`."])


def sections(card: Card) -> tuple[Section, ...]:
    """Return the card's headings with their paragraphs, lists and tables; empty ones left out."""
    kind = KINDS.get(card.task, card.task)
    of = f" Chances, metrics and explanations are of {card.positive}." if card.positive else ""
    purpose = f"It predicts {card.target}: {kind}.{of} Model family: {card.family}."
    evaluation = card.evaluation
    widened = ", widened since the models of the folds share rows" if evaluation.folds else ""
    judged = (
        f"Judged on {_judged_rows(card)}. {card.evidence} "
        f"The metric that decides is {evaluation.metric}. Intervals hold with "
        f"{evaluation.confidence:.0%} confidence (bootstrap{widened})."
    )
    calibration = f"Calibration error {evaluation.calibration:.4f}."
    data = (
        f"Learned from {card.rows:,} rows ({card.window}) of data version {card.data_version} "
        f"of the curated table of {card.pipeline}."
    )
    verdict = f"The gate's verdict: {card.verdict}."
    warned = tuple(f"Warning, let through for a first model: {line}" for line in card.warnings)
    made = {"made": card.created} if card.created else {}
    lineage = Grid(("what", "which"), tuple({**card.lineage, **made}.items()))
    params = tuple((name, str(value)) for name, value in card.params.items())
    chosen = Grid(("parameter", "value"), params)
    imitated = Grid(("where", "it answers", "rows"), card.imitated, frozenset({1, 2}))
    return drop_empty(
        Section("What it does", (card.description, purpose)),
        Section("Verdict", (verdict, Bullets(card.reasons + warned), _rules(card))),
        Section("How good it is", (judged, _scores(card), calibration)),
        Section("By slice", (_slices(card),)),
        Section("Data", (data,)),
        Section("How it was chosen", (_tried(card), card.why, chosen)),
        Section("What became of each column", (Grid(("column", "is"), card.columns),)),
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


def _judged_rows(card: Card) -> str:
    evaluation, by = card.evaluation, "that it was not fitted on"
    if evaluation.folds:
        by = "each by a model of the same setting that was not fitted on it"
        return f"{evaluation.rows:,} rows of {card.holdout}, {by}"
    latest = evaluation.evidence == "latest rows"
    which = f"later rows ({card.holdout})" if latest else f"rows of {card.holdout}"
    return f"{evaluation.rows:,} {which} {by}"


def _tried(card: Card) -> str:
    if not card.tried:
        return ""
    told = ", ".join(f"{family} ({count})" for family, count in card.tried.items())
    total = sum(card.tried.values())
    return f"{total} settings were tried: {told}."


def _rules(card: Card) -> Grid:
    rows = tuple((rule.rule, rule.word, rule.figures, rule.reason) for rule in card.rules)
    return Grid(("rule", "", "figures", "reason"), rows)


def _scores(card: Card) -> Grid:
    judged, against = card.evaluation, card.champion is not None
    baselines = judged.baseline_metrics
    heads = ("metric", "this model", "interval", *(("champion",) if against else ()), *baselines)
    rows = []
    for name, figure in judged.metrics.items():
        # the champion is compared by the deciding metric alone
        champion = write_number(card.champion if name == judged.metric else None)
        told = (champion,) if against else ()
        naive = (write_number(values.get(name)) for values in baselines.values())
        rows.append((name, write_number(figure.value), write_interval(figure), *told, *naive))
    return Grid(heads, tuple(rows), frozenset(range(1, len(heads))))


def _slices(card: Card) -> Grid:
    rows = tuple(
        (
            f"{part.column} = {part.value}",
            f"{part.rows:,}",
            write_number(part.figure.value),
            write_interval(part.figure),
        )
        for part in card.evaluation.slices
        if not part.too_small
    )
    return Grid(("slice", "rows", card.evaluation.metric, "interval"), rows, frozenset({1, 2, 3}))


def _features(card: Card) -> Grid:
    ordered = sorted(card.features.items(), key=lambda pair: (-abs(pair[1] or 0.0), pair[0]))
    rows = tuple((name, write_number(value, 3)) for name, value in ordered)
    return Grid(("feature", "importance"), rows, frozenset({1}))


def _looks(card: Card) -> Grid:
    rows = tuple(
        (look.name, write_number(look.adds, 3), f"{look.lost:+.4f} ± {look.spread:.4f}")
        for look in card.looks
    )
    heads = ("column", "adds, on average", f"{card.evaluation.metric} lost when shuffled")
    return Grid(heads, rows, frozenset({1, 2}))
