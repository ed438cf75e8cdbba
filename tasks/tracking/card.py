"""The model card: what a model is, how it was chosen, and when not to use it. Pure.

Follows the headings of Mitchell et al., Model Cards for Model Reporting (2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

Row = tuple[str, ...]
Lines = tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """One metric: its value and interval, and the same for the others where they have it."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    champion: float | None = None
    baselines: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class SliceScore:
    """The deciding metric on the rows where `column` is `value`."""

    column: str
    value: str
    rows: int
    score: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class RuleResult:
    """What one rule of the gate said."""

    rule: str
    passed: bool
    figures: str
    reason: str


@dataclass(frozen=True)
class Look:
    """One column: its mean absolute contribution, and what the metric loses when it is shuffled."""

    column: str
    adds: float
    lost: float
    spread: float


@dataclass(frozen=True)
class Card:
    """Everything a model card shows, as plain values.

    `verdict` is one word or two, `tried` family to the number of settings tried, `features`
    name to importance (0 to 1 or any scale), `limits` and `cautions` whole sentences,
    `lineage` what to what (training key, data version, code, lock, run …). `window` and
    `holdout` are readable spans. `images` are titles with the PNG's path beside the card.
    `looked` says how the model was explained (or why not), `looks` what was found, `imitation`
    how well a small tree imitates the model, and `imitated` its (condition, answer, rows).
    """

    pipeline: str
    version: int | None
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
    rules: tuple[RuleResult, ...] = ()
    slices: tuple[SliceScore, ...] = ()
    calibration: str = ""
    features: Mapping[str, float | None] = field(default_factory=dict)
    looked: str = ""
    looks: tuple[Look, ...] = ()
    imitation: str = ""
    imitated: tuple[Row, ...] = ()
    params: Mapping[str, object] = field(default_factory=dict)
    limits: Lines = ()
    cautions: Lines = ()
    lineage: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    created: str = ""

    @property
    def title(self) -> str:
        """What the card is of, as its heading."""
        which = "candidate" if self.version is None else f"version {self.version}"
        return f"{self.pipeline}, {which}"


@dataclass(frozen=True)
class Table:
    """Column headings and rows of text; `numeric` columns are set flush right."""

    heads: Row
    rows: tuple[Row, ...]
    numeric: frozenset[int] = frozenset()


Section = tuple[str, tuple[str | Lines | Table, ...]]


def sections(card: Card) -> tuple[Section, ...]:
    """Return the card's headings with their paragraphs, lists and tables; empty ones left out."""
    found: tuple[Section, ...] = (
        ("What it does", (card.description, _purpose(card))),
        ("Verdict", (_verdict(card), card.reasons, _rules(card))),
        ("How good it is", (_judged(card), _scores(card), card.calibration)),
        ("By slice", (_slices(card),)),
        ("Data", (_data(card),)),
        ("How it was chosen", (_tried(card), card.why, _params(card))),
        ("What it looks at", (_features(card),)),
        ("What each column adds", (card.looked, _looks(card))),
        ("In a few rules", (card.imitation, _imitated(card))),
        ("Limits", (card.limits, card.cautions)),
        ("Lineage", (_lineage(card),)),
    )
    kept = ((title, tuple(part for part in parts if _holds(part))) for title, parts in found)
    return tuple((title, parts) for title, parts in kept if parts)


def number(value: float | None, digits: int = 4) -> str:
    """Return a figure with `digits` significant digits.

    >>> number(0.66), number(81234.4), number(None)
    ('0.6600', '81,234', 'n/a')
    """
    if value is None or math.isnan(value):
        return "n/a"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}".rstrip(".")


def between(low: float | None, high: float | None) -> str:
    """
    >>> between(0.65, 0.67), between(None, 0.67)
    ('0.6500 to 0.6700', '')
    """
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"


def _holds(part: str | Lines | Table) -> bool:
    return bool(part.rows) if isinstance(part, Table) else bool(part)


def _purpose(card: Card) -> str:
    kind = {"binary": "yes or no", "multiclass": "one of several classes", "regression": "a number"}
    return (
        f"It predicts {card.target}: {kind.get(card.task, card.task)}. Model family: {card.family}."
    )


def _verdict(card: Card) -> str:
    return f"The gate's verdict: {card.verdict}."


def _judged(card: Card) -> str:
    return (
        f"Judged on {card.holdout_rows:,} later rows ({card.holdout}) that it was not fitted on. "
        f"The metric that decides is {card.metric}. Intervals hold with {card.confidence:.0%} "
        "confidence (bootstrap)."
    )


def _data(card: Card) -> str:
    return (
        f"Learned from {card.rows:,} rows ({card.window}) of data version {card.data_version} "
        f"of the curated table of {card.pipeline}."
    )


def _tried(card: Card) -> str:
    if not card.tried:
        return ""
    told = ", ".join(f"{family} ({count})" for family, count in card.tried.items())
    total = sum(card.tried.values())
    return f"{total} settings were tried: {told}."


def _rules(card: Card) -> Table:
    rows = tuple(
        (one.rule, "passed" if one.passed else "failed", one.figures, one.reason)
        for one in card.rules
    )
    return Table(("rule", "", "figures", "reason"), rows)


def _scores(card: Card) -> Table:
    baselines = tuple(dict.fromkeys(name for one in card.scores for name in one.baselines))
    champion = any(one.champion is not None for one in card.scores)
    heads = ("metric", "this model", "interval", *(("champion",) if champion else ()), *baselines)
    rows = tuple(
        (
            one.name,
            number(one.value),
            between(one.low, one.high),
            *((number(one.champion),) if champion else ()),
            *(number(one.baselines.get(name)) for name in baselines),
        )
        for one in card.scores
    )
    return Table(heads, rows, frozenset(range(1, len(heads))))


def _slices(card: Card) -> Table:
    rows = tuple(
        (
            f"{one.column} = {one.value}",
            f"{one.rows:,}",
            number(one.score),
            between(one.low, one.high),
        )
        for one in card.slices
    )
    return Table(("slice", "rows", card.metric, "interval"), rows, frozenset({1, 2, 3}))


def _params(card: Card) -> Table:
    rows = tuple((name, str(value)) for name, value in card.params.items())
    return Table(("parameter", "value"), rows)


def _features(card: Card) -> Table:
    ordered = sorted(card.features.items(), key=lambda pair: (-abs(pair[1] or 0.0), pair[0]))
    rows = tuple((name, number(value, 3)) for name, value in ordered)
    return Table(("feature", "importance"), rows, frozenset({1}))


def _looks(card: Card) -> Table:
    rows = tuple(
        (one.column, number(one.adds, 3), f"{one.lost:+.4f} ± {one.spread:.4f}")
        for one in card.looks
    )
    heads = ("column", "adds, on average", f"{card.metric} lost when shuffled")
    return Table(heads, rows, frozenset({1, 2}))


def _imitated(card: Card) -> Table:
    return Table(("where", "it answers", "rows"), card.imitated, frozenset({1, 2}))


def _lineage(card: Card) -> Table:
    told = {**card.lineage, **({"made": card.created} if card.created else {})}
    return Table(("what", "which"), tuple(told.items()))
